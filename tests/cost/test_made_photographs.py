"""Photographs of nothing: as many as published, each of its number alone, and made once."""

import io
from pathlib import Path

import pytest
from PIL import Image

from selfrefine.cost import made_photographs
from selfrefine.cost.made_photographs import LAYOUTS
from selfrefine.data import captions, counted_images

PUBLISHED = {"celeba_hq": 30000, "flowers": 8189, "lsun_church": 126227, "coco": 123287}  # paper and its data sets


@pytest.mark.parametrize("name", LAYOUTS)
def test_there_are_as_many_as_published_each_with_a_name_of_its_own(name: str) -> None:
    names = list(LAYOUTS[name].names(1.0, 160))
    assert len(set(names)) == len(names) == PUBLISHED[name]


@pytest.mark.parametrize("name", LAYOUTS)
def test_of_a_fraction_the_first_ones(name: str) -> None:
    few, more = (list(LAYOUTS[name].names(fraction, 160)) for fraction in (0.0001, 0.01))
    assert 160 <= len(few) < 200
    assert set(few) <= set(more)
    assert len(more) == pytest.approx(max(0.01 * PUBLISHED[name], 160), abs=20)


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_image_has_its_size_and_depends_on_its_number(name: str) -> None:
    layout = LAYOUTS[name]
    suffix = Path(layout.name).suffix
    first, again, other = (made_photographs.picture(name, number, layout.size, suffix) for number in (0, 0, 1))
    assert first == again != other
    assert Image.open(io.BytesIO(first)).size == layout.size
    assert len(first) == pytest.approx(1000 * layout.kilobytes, rel=0.3)


def test_a_killed_process_loses_one_image_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    layout, names = LAYOUTS["lsun_church"], list(LAYOUTS["lsun_church"].names(0.0001, 20))
    made_photographs.fill(tmp_path / "whole" / "lsun_church", layout, names)
    growing = tmp_path / "killed" / ".lsun_church.part"
    for name in names[:7]:
        (growing / name).parent.mkdir(parents=True, exist_ok=True)
        (growing / name).write_bytes((tmp_path / "whole" / "lsun_church" / name).read_bytes())
    (growing / names[6]).write_bytes(b"cut")
    made_photographs.fill(tmp_path / "killed" / "lsun_church", layout, names)
    for name in names:
        found = [(tmp_path / kind / "lsun_church" / name).read_bytes() for kind in ("whole", "killed")]
        assert found[0] == found[1]


def test_captions_name_every_image_and_nearly_all_differ(tmp_path: Path) -> None:
    names = list(LAYOUTS["coco"].names(0.0001, 160))
    (tmp_path / "captions.csv").write_text(made_photographs.captions(names))
    found = captions.of_folder(tmp_path, names, "test")
    assert found is not None
    assert found.keys() == set(names)
    assert len(set(found.values())) > 0.95 * len(names)


def test_the_splits_of_a_folder_are_those_that_its_names_say(tmp_path: Path) -> None:
    names = list(LAYOUTS["coco"].names(0.0001, 20))
    made_photographs.fill(tmp_path / "coco", LAYOUTS["coco"], names)
    prepared = {"folder": "coco", "own_splits": True, "split_seed": 0, "max_images": 1000}
    found = counted_images.count(prepared, tmp_path)
    assert found is not None
    assert (found["train"], found["test"]) == tuple(
        sum(name.startswith(split) for name in names) for split in ("train", "test")
    )
