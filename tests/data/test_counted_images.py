"""How many images a data set can have is known before any is read, and is what is read in the end."""

from pathlib import Path

import pytest
from PIL import Image

from selfrefine.core.errors import InputError
from selfrefine.data import counted_images, folder_splits, image_folder
from selfrefine.params import job_config
from tests.support.wrong_params import project_params

MINE = {"own_splits": False, "test_share": 0.3, "split_seed": 5, "max_images": 1000}


def photographs(folder: Path, names: list[str]) -> None:
    """Images of different pixels."""
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (index, 0, 0)).save(folder / name)


@pytest.mark.parametrize(
    ("changed", "names", "classes"),
    [
        ({}, [f"{index}.png" for index in range(40)], 1),
        ({"max_images": 10}, [f"class{index % 3}/{index}.png" for index in range(40)], 3),
        ({"split_seed": 6, "test_share": 0.5}, [f"{index % 2}/{index}.png" for index in range(30)], 2),
        (
            {"own_splits": True},
            [f"{('train', 'test')[index % 4 == 0]}/a{index % 2}/{index}.png" for index in range(20)],
            2,
        ),
    ],
)
def test_a_folder_is_counted_as_it_is_read(changed: dict, names: list[str], classes: int, tmp_path: Path) -> None:
    photographs(tmp_path / "mine", [*names, ".hidden.png"])
    (tmp_path / "mine" / "notes.txt").write_text("no image")
    config = MINE | {"folder": "mine"} | changed
    train, test, _ = folder_splits.read_folder(
        image_folder.image_files(tmp_path / "mine"),
        8,
        "white",
        test_share=None if config["own_splits"] else config["test_share"],
        seed=config["split_seed"],
        max_images=config["max_images"],
        label="test",
    )
    found = counted_images.count(config, tmp_path)
    assert found == {"train": len(train.images), "test": len(test.images), "classes": classes}
    assert classes == len({*train.labels})


def test_a_folder_that_is_not_there_has_no_number_and_one_that_is_no_split_is_refused(tmp_path: Path) -> None:
    config = MINE | {"folder": "mine", "own_splits": True}
    assert counted_images.count(config, tmp_path) is None
    photographs(tmp_path / "mine", ["train/a.png", "b.png"])
    with pytest.raises(InputError, match=r"b\.png: neither in train nor in test"):
        counted_images.count(config, tmp_path)


@pytest.mark.parametrize(
    ("dataset", "train", "test", "classes"),
    [
        ("fashion_mnist", 60000, 10000, 10),
        ("fashion_mnist_32", 12000, 10000, 10),
        ("fashion_mnist_tops", 24000, 4000, 4),
        ("fashion_mnist_shoes", 18000, 3000, 3),
    ],
)
def test_a_published_source_has_the_numbers_of_its_makers(dataset: str, train: int, test: int, classes: int) -> None:
    """Xiao, Rasul, Vollgraf 2017: 6,000 and 1,000 of each of ten classes."""
    prepared = job_config.job(project_params(), "prepare_data", {"dataset": dataset})
    assert counted_images.count(prepared) == {"train": train, "test": test, "classes": classes}
