"""Names that must exist and sizes that must fit each other, across the sections of the params."""

import pytest

from selfrefine.params import job_config, references, required_folders
from selfrefine.params.words import nearest
from tests.support.wrong_params import HIGHLIGHTER_STEPS, NETWORK, SAMPLES, at, line_about, project_params

DATASETS = ", ".join(project_params()["datasets"])
MODELS = ", ".join(project_params()["models"])
VARIANTS = ", ".join(project_params()["select"]["variants"])
ROWS = ", ".join(project_params()["variants"])
CHANNELS = f"{NETWORK}.block_out_channels"
STEPS = project_params()["train_base"]["steps"]
HEAD = project_params()["models"]["ddpm"]["train_base"]["network"]["attention_head_dim"]
OTHER = project_params()["models"]["ddpm"]
TIMESTEPS = "models.ddpm.train_base.diffusion.timesteps"


ROWS_OF_OURS = (
    ("variants", "fork", {}),
    ("variants", "include", {}),
    ("datasets", "train", {}),
    ("models", "test", {"self_refining": "both"}),
    ("samplings", "highlighter", {"of": "both"}),
    ("highlighters", "floor", {}),
    ("masks", "photographs", {"inpaint_images": {}}),
)


def odd_dataset(**prepared):
    """A second data set, made of the same photographs in another way."""
    row = project_params()["datasets"]["fashion_mnist"]
    return {"datasets": {"odd": job_config.merge(row, {"prepare_data": prepared})}}


def test_a_source_that_does_not_exist():
    told = (
        "datasets.odd.prepare_data.source is fashion, which is no row of sources; did you mean fashion_mnist? known: "
    )
    assert line_about(odd_dataset(source="fashion")) == f"params.yaml: {told}fashion_mnist"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        (
            "select.datasets",
            ["fashion"],
            f"names fashion, which is no row of datasets; did you mean fashion_mnist? known: {DATASETS}",
        ),
        ("select.models", ["ddmp"], f"names ddmp, which is no row of models; did you mean ddpm? known: {MODELS}"),
        (
            "select.variants",
            ["baseline", "bothh"],
            f"names bothh, which is no row of variants{nearest('bothh', project_params()['variants'])}",
        ),
        *(
            (
                f"{section}.{name}",
                {"title": "x", **more},
                f"is a name of ours ({', '.join(references.NO_ROWS)}); choose another",
            )
            for section, name, more in ROWS_OF_OURS
        ),
        (
            "variants.both.train_refined.steps",
            5,
            "is not a variant's own: phase lengths belong to the rows of models, equal for all variants",
        ),
        (
            "shared.reference",
            "base",
            f"names base, which is not in select.variants; did you mean baseline? known: {VARIANTS}",
        ),
        (f"{NETWORK}.attention", [True], "has 1 entries; allowed: one for each of the 3 entries of block_out_channels"),
        (CHANNELS, [32, 36, 64], "is [32, 36, 64]; allowed: multiples of norm_num_groups, which is 8"),
        (
            CHANNELS,
            [32, 64, 72],
            f"is [32, 64, 72]; allowed: multiples of attention_head_dim, which is {HEAD}, where there is attention",
        ),
        (
            "datasets.fashion_mnist.prepare_data.size",
            18,
            "is 18; allowed: a multiple of 4, as the network halves it 2 times",
        ),
        (
            "train_base.warmup_steps",
            STEPS + 1,
            f"is {STEPS + 1}; allowed: at most train_base.steps, which is {STEPS}",
        ),
        ("shared.map_steps", 1001, f"is 1001; allowed: at most {TIMESTEPS}, which is 1000"),
        ("models.ddpm.generate_samples.steps", 1001, f"is 1001; allowed: at most {TIMESTEPS}, which is 1000"),
        (
            "train_highlighter.validate_every",
            HIGHLIGHTER_STEPS + 1,
            f"is {HIGHLIGHTER_STEPS + 1}; allowed: at most train_highlighter.steps, which is {HIGHLIGHTER_STEPS}",
        ),
        (
            "extract_features.n_images",
            SAMPLES + 1,
            f"is {SAMPLES + 1}; allowed: at most generate_samples.n_images, which is {SAMPLES}",
        ),
        (
            "evaluate_readouts.n_images",
            SAMPLES + 1,
            f"is {SAMPLES + 1}; allowed: at most generate_samples.n_images, which is {SAMPLES}",
        ),
        (
            "evaluate_readouts.first_timestep",
            901,
            "is 901; allowed: at most evaluate_readouts.last_timestep, which is 900",
        ),
        ("evaluate_readouts.last_timestep", 1000, f"is 1000; allowed: less than {TIMESTEPS}, which is 1000"),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(key, value, told):
    assert line_about(at(key, value)) == f"params.yaml: {key} {told}"


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (
            "select.variants",
            ["forward", "both"],
            "shared.reference names baseline, which is not in select.variants; known: forward, both",
        ),
        (
            "make_tables.confirmatory",
            [["both", "baseline"], ["both", "even"]],
            f"make_tables.confirmatory.1 names even, which is not in select.variants; known: {VARIANTS}",
        ),
        (
            "make_tables.confirmatory",
            [["both", "forward", "half"], ["both", "baseline", "half"]],
            "make_tables.confirmatory.1 is half the difference to baseline; "
            "half is of two arms that differ in the sign of a map",
        ),
        (
            "make_tables.confirmatory",
            [["both", "forward", "half"], ["forward", "both"]],
            "make_tables.confirmatory.1 judges forward and both a second time; list them once, whole or half",
        ),
        (
            "make_tables.confirmatory",
            [["both", "forward", "double"]],
            'make_tables.confirmatory.0.2 is "double"; known: half',
        ),
        (
            "shared.map_of",
            "even",
            f"shared.map_of names even, which is not in select.variants; known: {VARIANTS}",
        ),
        (
            "extract_features.networks",
            ["vgg16_conv5_gap"],
            "make_tables.primary_network is alexnet_conv5_gap, which is not in extract_features.networks; did "
            "you mean vgg16_conv5_gap? known: vgg16_conv5_gap",
        ),
        (
            "datasets.fashion_mnist.prepare_data.max_images",
            99,
            "evaluate_maps.n_images is 128; allowed: at most "
            "datasets.fashion_mnist.prepare_data.max_images, which is 99",
        ),
    ],
)
def test_what_does_not_fit_is_told_where_it_refers(key, value, line):
    assert line_about(at(key, value)) == f"params.yaml: {line}"


def test_a_feature_network_without_weights():
    fid = {"extract_features": {"networks": ["alexnet_conv5_gap", "inception-v3-compat"]}}
    told = "names inception-v3-compat, whose weights, inception, are no row of weights; experiments/paper.yaml has it"
    assert line_about(fid) == f"params.yaml: extract_features.networks {told}"
    weights = {"weights": {"inception": {"fetch_weights": {"providers": ["torch_fidelity"], "folder": "downloads"}}}}
    assert line_about(fid | weights) is None


@pytest.mark.parametrize("name", ["clip", "dinov2"])
def test_a_feature_network_that_the_user_gives(name):
    """Its sha256 may be missing: the job tells which one it found."""
    asked = {"extract_features": {"networks": ["alexnet_conv5_gap", name]}}
    told = f"names {name}, whose weights, {name}, are no row of weights; docs/change.md says how to give them"
    assert line_about(asked) == f"params.yaml: extract_features.networks {told}"
    row = {"providers": ["folder"], "folder": "downloads"}
    for sha256 in ({}, {"sha256": ""}, {"sha256": "0" * 64}):
        assert line_about(asked | {"weights": {name: {"fetch_weights": row | sha256}}}) is None
    assert 'sha256 is "AB"; allowed: a text, matching' in line_about(
        asked | {"weights": {name: {"fetch_weights": row | {"sha256": "AB"}}}}
    )


@pytest.mark.parametrize(
    "changed", [at("models.uvit.in_place_of", "ddpm"), at("datasets.tops.stands_for", "celeba_hq")]
)
def test_a_data_set_of_another_model(changed):
    """Either the model takes the place of the first, or the data set belongs to Table 1's."""
    tops = project_params()["datasets"]["fashion_mnist_tops"]
    tops = job_config.merge(tops, {"only": {"models": ["uvit"]}, "evaluate_maps": {"n_images": 256}})
    datasets = {"datasets": {"tops": tops}, "select": {"datasets": ["fashion_mnist", "tops"]}}
    assert "datasets.tops.only.models lacks ddpm" in line_about(datasets)
    assert line_about(job_config.merge(datasets, changed)) is None


MINE = "datasets.my_images.prepare_data"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (at(f"{MINE}.pad", 2), "pad belongs to another kind of row; delete it here"),
        (at(f"{MINE}.classes", []), "classes belongs to another kind of row; delete it here"),
        (at(f"{MINE}.test_share", 1), "test_share is 1; allowed: a number, more than 0, less than 1"),
        (at(f"{MINE}.background", "grey"), 'background is "grey"; known: white, black'),
        (
            {"select": {"datasets": ["my_images"]}},
            "folder is downloads/my_images, which is no folder; put your images there, or name the folder that holds "
            "them",
        ),
    ],
)
def test_a_folder_of_images_has_its_own_leaves_and_must_be_there_if_it_is_selected(changed, told):
    assert line_about(changed) == f"params.yaml: {MINE}.{told}"


def test_photographs_are_as_grey_as_the_network_that_learns_from_them(tmp_path):
    mine = {"select": {"datasets": ["my_images"]}, **at(f"{MINE}.folder", str(tmp_path))}
    assert line_about(mine) is None
    place = "datasets.my_images.train_base.network.channels"
    grey = job_config.merge(mine, at(f"{MINE}.channels", 1))
    assert line_about(grey) == f"params.yaml: {MINE}.channels differs from {place}, which is 3"
    both = job_config.merge(grey, at(place, 1))
    assert line_about(both) is None
    colours = job_config.merge(mine, at(place, 1))
    assert line_about(colours) == f"params.yaml: {MINE}.channels differs from {place}, which is 1"


def test_a_folder_whose_images_are_prepared_may_be_gone(tmp_path):
    """Of the very experiment and data set; else its absence is told."""
    params = job_config.merge(project_params(), {"select": {"datasets": ["my_images"]}})
    assert len(list(required_folders.missing(params, tmp_path))) == 1
    assert list(required_folders.replaced(params, tmp_path)) == []
    for elsewhere in ("smoke/my_images", "embedded/yours", "embedded/my_images"):
        record = tmp_path / "data" / "prepare_data" / elsewhere / "config.json"
        assert len(list(required_folders.missing(params, tmp_path))) == 1
        record.parent.mkdir(parents=True)
        record.touch()
    assert list(required_folders.missing(params, tmp_path)) == []
    assert list(required_folders.replaced(params, tmp_path)) == [("my_images", "downloads/my_images")]
    (tmp_path / "downloads" / "my_images").mkdir(parents=True)
    assert list(required_folders.replaced(params, tmp_path)) == []


def test_a_data_set_has_one_origin():
    bare = {"title": "Bare", "prepare_data": {"size": 16, "max_images": 10}, "train_base": {"horizontal_flip": False}}
    bare["train_base"]["network"] = {"channels": 1}
    line = "params.yaml: datasets.bare.prepare_data names no images; allowed: one of source and folder"
    assert line_about({"datasets": {"bare": bare}}) == line
    bare["prepare_data"]["folder"] = "photos"
    line = "params.yaml: datasets.bare.prepare_data.background is missing; folder needs it beside it"
    assert line_about({"datasets": {"bare": bare}}) == line


def test_the_two_sub_sets_share_no_class_and_an_unknown_one_is_told_with_the_nearest():
    rows = project_params()["datasets"]
    tops, shoes = (rows[f"fashion_mnist_{part}"]["prepare_data"]["classes"] for part in ("tops", "shoes"))
    assert tops
    assert shoes
    assert not set(tops) & set(shoes)
    line = line_about(at("datasets.fashion_mnist_tops.prepare_data.classes", ["coat", "shirts"]))
    key = "params.yaml: datasets.fashion_mnist_tops.prepare_data.classes.1"
    assert line.startswith(f'{key} is "shirts"; did you mean shirt? known: t-shirt, ')


def test_rows_that_are_not_selected_need_not_fit():
    odd = odd_dataset(size=18)
    assert line_about(odd) is None
    assert "datasets.odd.prepare_data.size is 18" in line_about(
        odd | {"select": {"datasets": ["fashion_mnist", "odd"]}}
    )


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            at("select.highlighters", ["flaw", "secnd"]),
            "select.highlighters names secnd, which is no row of highlighters",
        ),
        (at("select.samplings", ["baseline_kvv"]), "select.samplings names baseline_kvv, which is no row of samplings"),
        (
            at("datasets.fashion_mnist_tops.only.variants", ["baseline", "bth"]),
            "datasets.fashion_mnist_tops.only.variants names bth, which is no row of variants; did you mean both?",
        ),
        (at("select.highlighters", ["second"]), "select.highlighters lacks flaw, which every refinement needs; on "),
        (
            at("datasets.fashion_mnist_tops.only.highlighters", ["second"]),
            "select.highlighters lacks flaw, which every ",
        ),
        (
            at("datasets.fashion_mnist_tops.only.variants", ["both"]),
            "shared.reference names baseline, which is not in both select.variants and datasets.fashion_mn",
        ),
        (
            at("samplings.both", {"title": "x", "of": "both"}),
            "samplings.both is a row of variants, too; choose another name",
        ),
        (at("models.ddpm.self_refining", "frwd"), "models.ddpm.self_refining names frwd, which is not in select.var"),
        (
            {"models": {"ddpm": {"only": {"variants": ["baseline"]}}}},
            "models.ddpm.self_refining names both, which is not in both select.variants and models.ddpm.only.variants",
        ),
        (
            {
                "models": {"other": OTHER},
                "select": {"models": ["other", "ddpm"]},
                "datasets": {"fashion_mnist": {"only": {"models": ["other"]}}},
            },
            "datasets.fashion_mnist_tops.only.models lacks other, the first of select.models; add it or a model that "
            "is in_place_of it, unless the data set stands for the same as fashion_mnist",
        ),
        (
            at("datasets.fashion_mnist.only", {"models": ["uvit"]}),
            "datasets.fashion_mnist.only.models lacks ddpm, the first of select.models; add it",
        ),
        (
            {"select": {"models": ["ldm"], "datasets": ["fashion_mnist_tops", "fashion_mnist_shoes"]}},
            "select.models has ldm, which no selected data set runs; see datasets.*.only.models",
        ),
        (
            at("models.uvit.in_place_of", "ddmp"),
            f"models.uvit.in_place_of is ddmp, which is no row of models; did you mean ddpm? known: {MODELS}",
        ),
        (
            at("evaluate_maps.n_images", 0),
            "evaluate_maps.n_images is 0; allowed: more where maps are drawn, on the first",
        ),
        (at("samplings.floor", {"title": "x", "of": "both"}), "samplings.floor is a name of ours (fork, floor, "),
        (
            {"select": {"samplings": ["reverse_kept"], "variants": ["baseline", "both"], "models": ["ddpm"]}},
            "samplings.reverse_kept.of names reverse, which is not in select.variants; known: baseline, both",
        ),
        (
            {"select": {"samplings": ["x"]}, "samplings": {"x": {"title": "X", "of": "both", "map_of": "both"}}},
            "samplings.x.map_of belongs to rows with a correction; delete it here",
        ),
        (
            {
                "select": {"samplings": ["x"]},
                "samplings": {"x": {"title": "X", "of": "both", "generate_samples": {"correction": "keep_map"}}},
            },
            "samplings.x.map_of is missing; the correction keep_map needs the variant of its map",
        ),
        (
            at("generate_fakes.n_images", 895),
            "generate_fakes.n_images is 895; allowed: at least 896: shared.n_fakes, which is 384, for each of 2 "
            "draws of the highlighters, and evaluate_maps.n_images, which is 128",
        ),
        (
            at("datasets.fashion_mnist_shoes.generate_fakes.n_images", 383),
            "datasets.fashion_mnist_shoes.generate_fakes.n_images is 383; allowed: at least 384: shared.n_fakes, "
            "which is 384, for each of 1 draws",
        ),
    ],
)
def test_what_runs_on_a_data_set_fits_together(changed, line):
    assert line_about(changed).startswith(f"params.yaml: {line}")


@pytest.mark.parametrize("models", [[model] for model in MODELS.split(", ")], ids="".join)
def test_each_model_alone_is_an_experiment(models):
    assert line_about({"select": {"models": models}}) is None
