"""A user's own folder, through the real command: changed images are made anew, a missing folder is told at once."""

import os
import shutil

import pytest
from PIL import Image

from tests.support.project import Project, jobs

pytestmark = pytest.mark.slow

ROW = "datasets.my_images.prepare_data"
JOBS = {"prepare_data my_images": 1}
NOTHING = "Nothing to be done"


def few_are_enough(project: Project) -> None:
    """16 of the 40 images are for training, 24 for the test."""
    project.set(f"{ROW}.minimum_images", 40)
    project.set(f"{ROW}.test_share", 0.5)
    for leaf in (
        "extract_features.n_images",
        "evaluate_highlighter.n_planted",
        "evaluate_readouts.mechanism_images",
        "evaluate_readouts.n_images",
    ):
        project.set(f"datasets.my_images.{leaf}", 16)


def test_changed_images_are_noticed_and_a_missing_folder_is_told_before_anything_runs(fresh: Project) -> None:
    folder = fresh.root / "downloads" / "my_images"
    fresh.set("select.datasets", ["my_images"])
    (line,) = fresh.refuse("snakemake -n all")
    assert line.startswith(f"params.yaml: {ROW}.folder is downloads/my_images, which is no folder; ")
    folder.mkdir(parents=True)
    for index in range(40):
        Image.new("RGB", (70, 80), (index, 0, 0)).save(folder / f"{index}.png")
    few_are_enough(fresh)
    fresh.set("datasets.my_images.evaluate_highlighter.n_planted", 25)
    told = (
        "datasets.my_images.evaluate_highlighter.n_planted is 25; allowed: at most 24, the images that "
        "downloads/my_images has for test"
    )
    assert fresh.refuse("snakemake -n all") == [f"params.yaml: {told}"]
    assert fresh.refuse("selfrefine plan --tflops 1") == [f"selfrefine plan: params.yaml: {told}"]
    fresh.set("datasets.my_images.evaluate_highlighter.n_planted", 24)
    told = fresh.run("snakemake --cores 1 all_prepare_data")
    assert jobs(told) == JOBS
    for unchanged in (
        "true",
        "touch downloads/my_images/*.png",
        "cp -r downloads d && rm -r downloads && mv d downloads",
    ):
        assert NOTHING in fresh.run(f"{unchanged}; snakemake -n all_prepare_data")
    before = (folder / "7.png").read_bytes()
    Image.new("RGB", (70, 80), (0, 99, 0)).save(folder / "7.png")
    assert jobs(fresh.run("snakemake -n all_prepare_data")) == JOBS
    (folder / "7.png").write_bytes(before)
    assert NOTHING in fresh.run("snakemake -n all_prepare_data")


def test_what_was_prepared_is_used_where_the_folder_is_gone_and_never_deleted(fresh: Project) -> None:
    """Dry runs, real ones and `make pull`'s command work; what would need the folder is refused and nothing is lost."""
    folder, prepared = fresh.root / "downloads" / "my_images", fresh.root / "data/prepare_data/embedded/my_images"
    folder.mkdir(parents=True)
    for index in range(40):
        Image.new("RGB", (70, 80), (index, 0, 0)).save(folder / f"{index}.png")
    fresh.set("select.datasets", ["my_images"])
    few_are_enough(fresh)
    fresh.run("snakemake --cores 1 all_prepare_data")
    shutil.rmtree(folder)
    line = "downloads/my_images: no such folder; my_images is used as it was prepared from it before"
    for command in ("snakemake -n", "snakemake --cores 1", "snakemake --cores 1 --touch --forceall"):
        told = fresh.run(f"{command} all_prepare_data")
        assert told.splitlines().count(line) == 1
        assert NOTHING in told or "--touch" in command
    images = (prepared / "train" / "images.npy").read_bytes()
    fresh.set(f"{ROW}.size", 32)
    assert jobs(fresh.run("snakemake -n all_prepare_data")) == JOBS
    told_lines = fresh.refuse("snakemake --cores 1 all_prepare_data")
    (refusal,) = (told for told in told_lines if "would be made of it anew" in told)
    assert refusal.startswith("downloads/my_images: no such folder, and data/prepare_data/embedded/my_images/train/")
    assert (prepared / "train" / "images.npy").read_bytes() == images
    why = fresh.run("selfrefine why data/prepare_data/embedded/my_images/train/images.npy")
    assert why.splitlines() == ["params: prepare_data.size was 64, is 32"]
    fresh.set(f"{ROW}.size", 64)
    assert NOTHING in fresh.run("snakemake --cores 1 all_prepare_data")


def test_the_content_of_a_network_that_is_named_counts_and_not_its_date(project: Project) -> None:
    given, base = project.root / "downloads" / "given", "models/train_base/smoke/fashion_mnist/ddpm/seed0"
    shutil.copytree(project.root / base / "pipeline" / "unet", given)
    project.set("models.ddpm.train_base.pretrained", "downloads/given")
    target = f"{base}/loss.csv"
    assert [job.split()[0] for job in jobs(project.run(f"snakemake --cores 1 {target}"))] == ["train_base"]
    project.run("touch downloads/given/*; cp -r downloads/given g && rm -r downloads/given && mv g downloads/given")
    assert NOTHING in project.run(f"snakemake -n {target}")
    weights = given / "diffusion_pytorch_model.safetensors"
    state, content = weights.stat(), bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert [job.split()[0] for job in jobs(project.run(f"snakemake -n {target}"))] == ["train_base"]
