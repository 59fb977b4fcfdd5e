"""A user's own folder, through the real command: changed images are made anew, a missing folder is told at once."""

import pytest
from PIL import Image

from tests.support.project import Project, jobs

pytestmark = pytest.mark.slow

ROW = "datasets.my_images.prepare_data"
JOBS = {"prepare_data experiment=embedded, dataset=my_images": 1}


def test_changed_images_are_noticed_and_a_missing_folder_is_told_before_anything_runs(fresh: Project) -> None:
    folder = fresh.root / "downloads" / "my_images"
    fresh.set("select.datasets", ["my_images"])
    (line,) = fresh.refuse("snakemake -n all")
    assert line.startswith(f"params.yaml: {ROW}.folder is downloads/my_images, which is no folder; ")
    folder.mkdir(parents=True)
    for index in range(40):
        Image.new("RGB", (70, 80), (index, 0, 0)).save(folder / f"{index}.png")
    fresh.set(f"{ROW}.minimum_images", 40)
    told = fresh.run("snakemake --cores 1 all_prepare_data")
    assert jobs(told) == JOBS
    assert "Nothing to be done" in fresh.run("snakemake -n all_prepare_data")
    Image.new("RGB", (70, 80), (0, 99, 0)).save(folder / "7.png")
    assert jobs(fresh.run("snakemake -n all_prepare_data")) == JOBS
