"""More images asked for than a split has: told before the first job, and not by the last one."""

import pytest

from selfrefine.core.errors import InputError
from selfrefine.params import check, job_config
from tests.support.wrong_params import ROOT, at, project_params

ROW = "datasets.my_images"
FOLDER = {
    "select": {"datasets": ["my_images"], "models": ["ddpm"]},
    "models": {"ddpm": {"only": {"masks": ["wide"]}}},
}
PLENTY = {"train": 9000, "test": 1000, "classes": 2}


def line(changed, found, given=FOLDER, folders=False):
    params = job_config.merge(job_config.merge(project_params(), given), changed)
    return check.check(params, ROOT, folders=folders, count=lambda _: found)


@pytest.mark.parametrize(
    ("leaf", "asked", "split"),
    [
        (f"{ROW}.extract_features.n_images", 101, "test"),
        (f"{ROW}.extract_features.n_images", 201, "train"),
        (f"{ROW}.evaluate_highlighter.n_planted", 101, "test"),
        (f"{ROW}.inpaint_images.n_images", 101, "test"),
        (f"{ROW}.evaluate_readouts.mechanism_images", 101, "test"),
        (f"{ROW}.evaluate_readouts.n_images", 101, "test"),
        (f"{ROW}.prepare_data.minimum_images", 1101, "both"),
    ],
)
def test_each_leaf_may_ask_for_all_images_of_its_split_and_for_no_more(leaf, asked, split):
    found = {"train": 1000, "test": 100} if split != "train" else {"train": 200, "test": 900}
    found |= {"classes": 2}
    least = at(f"{ROW}.prepare_data.minimum_images", 2) | {"extract_features": {"n_reference": 0}}
    assert line(job_config.merge(least, at(leaf, asked - 1)), found) is None
    told = line(job_config.merge(least, at(leaf, asked)), found)
    assert told.startswith(f"params.yaml: {leaf} is {asked}; allowed: at most {asked - 1}, the images ")
    assert "downloads/my_images" in told


def test_the_example_of_ones_own_images_fits_the_fewest_that_it_takes():
    """A tenth of them is the test split."""
    assert line({}, {"train": 900, "test": 100, "classes": 1}) is None


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"train": 9, "test": 991}, "gives 9, the images that downloads/my_images has for train; 10 needed by a "),
        ({"train": 997, "test": 3}, "gives 3, the images that downloads/my_images has for test; 4 needed, and more "),
    ],
)
def test_a_split_that_is_too_small_for_anything_is_told(found, told):
    few = {
        "extract_features": {"n_reference": 1000},
        "datasets": {"my_images": {"evaluate_highlighter": {"n_planted": 3}}},
    }
    few = job_config.merge(
        few, at(f"{ROW}.only.highlighters", ["flaw"]) | {"models": {"ddpm": {"only": {"masks": []}}}}
    )
    few["datasets"] = job_config.merge(few["datasets"], at(f"{ROW}.only.highlighters", ["flaw"])["datasets"])
    assert line(few, found | {"classes": 1}).startswith(f"params.yaml: {ROW}.prepare_data.folder {told}")


def test_prompts_of_one_class_need_clip():
    given = {"select": {"datasets": ["my_images"], "models": ["stable_diffusion"]}} | at(
        f"{ROW}.only.models", ["stable_diffusion"]
    )
    given = job_config.merge(given, at(f"{ROW}.train_base.horizontal_flip", False))
    assert line({}, PLENTY, given) is None
    told = line({}, PLENTY | {"classes": 1}, given)
    assert told.startswith(f"params.yaml: {ROW}.prepare_data.folder is downloads/my_images, whose training images are ")
    assert told.endswith("of 1 class; 2 needed, where a classifier tells them apart; see evaluate_prompts")


def test_a_folder_that_cannot_be_counted_is_told_with_its_reason():
    def count(_):
        raise InputError("b.png: neither in train nor in test")

    params = job_config.merge(project_params(), FOLDER)
    told = check.check(params, ROOT, folders=False, count=count)
    place = f"params.yaml: {ROW}.prepare_data.folder is downloads/my_images"
    assert told == f"{place}; b.png: neither in train nor in test"


@pytest.mark.parametrize("experiment", ["embedded", "small", "sweep", "smoke"])
def test_what_the_experiments_ask_of_published_sources_is_there(experiment):
    from selfrefine.data import counted_images

    assert check.check(project_params(experiment), ROOT, count=counted_images.count) is None


def test_classes_that_are_left_out_leave_fewer_images_of_a_source():
    from selfrefine.data import counted_images

    params = job_config.merge(project_params(), at("datasets.fashion_mnist_tops.extract_features.n_images", 256))
    one = job_config.merge(params, at("datasets.fashion_mnist_tops.prepare_data.classes", ["coat"]))
    one = job_config.merge(one, at("datasets.fashion_mnist_tops.evaluate_highlighter.n_planted", 1001))
    told = check.check(one, ROOT, count=counted_images.count)
    place = "params.yaml: datasets.fashion_mnist_tops.evaluate_highlighter.n_planted is 1001; allowed: at most 1000"
    assert told == f"{place}, the images that fashion_mnist has for test"
