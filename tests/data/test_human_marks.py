"""Marks of people in each layout: every record is counted once, and marks stay where they are on their image."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.data import human_marks, richhf
from selfrefine.data.human_marks import COUNTS, STATES, Given, HumanMarks
from tests.support import marked_sets
from tests.support.marked_sets import encoded, image, square

GIVEN = Given(layout="folder", folder="", images="", prefix="", size=12, marked_from=0.5)


def read(folder: Path, scratch: Path, **changes: Any) -> HumanMarks:
    found = human_marks.read(dataclasses.replace(GIVEN, folder=str(folder), **changes), scratch, "marks")
    assert len(found.names) == len(found.images) == len(found.digests) == len(found.marks)
    for line in found.counts:
        assert list(line) == COUNTS
        assert line["records"] == sum(line[state] for state in STATES), "each record is counted once"
    return found


def counted(found: HumanMarks) -> dict[str, dict[str, int]]:
    """Part -> what its records became, without zeros."""
    return {line["part"]: {state: line[state] for state in STATES if line[state]} for line in found.counts}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(folder: Path, name: str, pixels: np.ndarray) -> None:
    """An image or, of floats, an array in a folder of ours."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels.dtype == np.uint8:
        Image.fromarray(pixels).save(path)
    else:
        arrays.write_array(path, pixels)


# -- our own layout ----------------------------------------------------------------------------------------------------


def test_a_folder_of_ours_has_masks_heat_maps_and_images_that_nobody_looked_at(tmp_path: Path) -> None:
    for number, name in enumerate(("a/mask", "heat", "none", "nobody")):
        put(tmp_path / "set", f"images/{name}.png", image(number))
    put(tmp_path / "set", "images/twin.png", image(0))
    put(tmp_path / "set", "marks/a/mask.png", square(255))
    heat = square(0.2, dtype=np.float64)
    heat[0, 0] = 0.4
    put(tmp_path / "set", "marks/heat.npy", heat)
    put(tmp_path / "set", "marks/none.png", square(0))
    put(tmp_path / "set", "marks/lost.png", square(255))
    found = read(tmp_path / "set", tmp_path)
    assert counted(found) == {
        "all": {"without_image": 1, "twice": 1, "not_collected": 1, "none_marked": 1, "marked": 2}
    }
    by_name = dict(zip(found.names, found.marks, strict=True))
    assert by_name["all/nobody"] is None
    expected = {"all/a/mask": square(1.0), "all/heat": square(1.0), "all/none": square(0.0)}
    for name, marks in expected.items():
        assert np.array_equal(by_name[name], marks)
    again = read(tmp_path / "set", tmp_path, marked_from=0.6)
    higher = dict(zip(again.names, again.marks, strict=True))["all/heat"]
    assert higher is not None
    assert higher.sum() == 1.0, "only its highest cell is above 0.6 of that"


def test_marks_are_cut_and_resized_as_their_image(tmp_path: Path) -> None:
    """A wide image, whose mask has a third of its resolution: the same square of both is kept."""
    pixels = np.zeros((24, 48, 3), np.uint8)
    pixels[6:12, 18:30] = 255
    mask = np.zeros((8, 16), np.uint8)
    mask[2:4, 6:10] = 255
    put(tmp_path / "set", "images/wide.png", pixels)
    put(tmp_path / "set", "marks/wide.png", mask)
    found = read(tmp_path / "set", tmp_path, size=8)
    (marks,) = found.marks
    assert marks is not None
    assert np.array_equal(marks, found.images[0, :, :, 0] / 255.0)
    assert marks.sum() == 8, "none of it was cut away"


@pytest.mark.parametrize(
    ("name", "pixels", "told"),
    [
        ("marks/a.npy", np.full((4, 4), -1.0), r"a\.npy: float64 \(4, 4\) given; numbers from 0 on"),
        ("marks/a.npy", np.full((4, 4), np.nan), r"a\.npy: float64 \(4, 4\) given; numbers from 0 on"),
        ("marks/a.npy", np.ones((4, 4, 3)), r"a\.npy: float64 \(4, 4, 3\) given; numbers from 0 on, \(h, w\), needed"),
        ("images/a.jpg", image(7), r"a\.png and a\.jpg: one name for two images"),
    ],
)
def test_what_no_set_may_hold_is_one_line(tmp_path: Path, name: str, pixels: np.ndarray, told: str) -> None:
    put(tmp_path / "set", "images/a.png", image(0))
    put(tmp_path / "set", name, pixels)
    with pytest.raises(InputError, match=told):
        read(tmp_path / "set", tmp_path)


def test_an_image_that_cannot_be_read_ends_it_with_its_name(tmp_path: Path) -> None:
    put(tmp_path / "set", "images/a.png", image(0))
    (tmp_path / "set/images/a.png").write_bytes(encoded(image(0))[:60])
    with pytest.raises(InputError, match=r"images/a\.png: "):
        read(tmp_path / "set", tmp_path)


# -- PAL4VST -----------------------------------------------------------------------------------------------------------


def test_pal4vst_has_labels_of_0_and_1_by_split_and_task(tmp_path: Path) -> None:
    folder = marked_sets.pal4vst(tmp_path / "unified")
    found = read(folder, tmp_path, layout="pal4vst")
    assert counted(found) == {
        "train": {"none_marked": 1, "marked": 2},
        "test": {"without_image": 1, "not_collected": 1, "marked": 1},
    }
    assert found.names[0] == "train/ffhq_seed0001"
    assert np.array_equal(found.marks[0], square(1.0))
    faces = read(folder, tmp_path, layout="pal4vst", prefix="ffhq")
    assert counted(faces)["train"] == {"other_names": 1, "none_marked": 1, "marked": 1}
    assert not [name for name in faces.names if "ldm" in name]


def test_a_label_with_more_levels_is_refused(tmp_path: Path) -> None:
    folder = marked_sets.pal4vst(tmp_path / "unified")
    label = square(1)
    label[0, 0] = 2
    (folder / "labels/train/ffhq_seed0001.png").write_bytes(encoded(label))
    with pytest.raises(InputError, match=r"train/ffhq_seed0001: a mask with more levels than two, up to 2; 0 and 1"):
        read(folder, tmp_path, layout="pal4vst")


def test_the_checksum_of_a_part_is_that_of_its_files(tmp_path: Path) -> None:
    folder = marked_sets.pal4vst(tmp_path / "unified")
    (line,) = (line for line in read(folder, tmp_path, layout="pal4vst").counts if line["part"] == "test")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("test/*"))
    text = "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    assert line["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert (line["published_records"], line["as_published"]) == ("", "")


# -- Rapidata ----------------------------------------------------------------------------------------------------------

HEAT = square(0.25, side=6, dtype=np.float32).tolist()
NULLS = [[None] * 6] * 6


@pytest.mark.parametrize("dtype", [None, pa.float32(), pa.float64()], ids=["float16", "float32", "float64"])
def test_an_empty_heat_map_of_rapidata_was_not_collected(tmp_path: Path, dtype: pa.DataType | None) -> None:
    empty = [None, [], NULLS, np.zeros((6, 6)).tolist()]
    found = read(marked_sets.rapidata(tmp_path / "set", [HEAT, *empty, HEAT], dtype), tmp_path, layout="rapidata")
    assert counted(found) == {"data/train-00000-of-00001.parquet": {"not_collected": 4, "marked": 2}}
    assert [marks is not None for marks in found.marks] == [True, False, False, False, False, True]
    assert np.array_equal(found.marks[0], square(1.0))
    assert found.names[5] == "data/train-00000-of-00001.parquet/5"
    (line,) = found.counts
    assert line["sha256"] == files.sha256(tmp_path / "set/data/train-00000-of-00001.parquet")


@pytest.mark.parametrize(
    ("heat", "told"),
    [
        ([[0.5, 0.5], [0.5]], "row 1: a heat map with rows of 1 to 2 cells; one length needed"),
        ([[0.5, None], [0.5, 0.5]], "row 1: a heat map with cells that are no number from 0 on"),
        ([[0.5, -1.0], [0.5, 0.5]], "row 1: a heat map with cells that are no number from 0 on"),
    ],
)
def test_half_a_heat_map_is_refused(tmp_path: Path, heat: list[list[float | None]], told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(marked_sets.rapidata(tmp_path / "set", [HEAT, heat]), tmp_path, layout="rapidata")


def test_parquet_of_something_else_or_cut_off_is_refused(tmp_path: Path) -> None:
    folder = marked_sets.rapidata(tmp_path / "set", [HEAT])
    path = folder / "data/train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"00001\.parquet: not a readable Parquet file"):
        read(folder, tmp_path, layout="rapidata")
    pa.parquet.write_table(pa.table({"image": [1]}), path)
    with pytest.raises(InputError, match="no column coherence_heatmap, as Rapidata has; it has image"):
        read(folder, tmp_path, layout="rapidata")


# -- RichHF-18K --------------------------------------------------------------------------------------------------------


def test_richhf_finds_its_images_in_a_folder_beside_it(tmp_path: Path) -> None:
    records = {"train/0/aa.png": square(200), "train/0/bb.png": square(0), "train/1/lost.png": square(9)}
    folder = marked_sets.richhf(tmp_path / "richhf", records)
    for number, name in enumerate(("x/aa.jpg", "y/bb.jpg", "other.jpg")):
        put(tmp_path / "pick", name, image(number, (24, 24)))
    found = read(folder, tmp_path, layout="richhf", images=str(tmp_path / "pick"))
    assert counted(found) == {"dev": {"without_image": 1, "none_marked": 1, "marked": 1}}
    assert found.names == ["dev/aa", "dev/bb"]
    assert np.array_equal(found.marks[0], square(1.0))


def test_the_published_files_are_known_by_number_and_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = marked_sets.richhf(tmp_path / "richhf", {"train/0/aa.png": square(200)})
    put(tmp_path / "pick", "aa.jpg", image(0))
    (line,) = read(folder, tmp_path, layout="richhf", images=str(tmp_path / "pick")).counts
    assert (line["records"], line["published_records"], line["as_published"]) == (1, 995, "no")
    own = richhf.Published(files.sha256(folder / "dev.tfrecord"), 1)
    monkeypatch.setitem(richhf.PUBLISHED, "dev", own)
    (line,) = read(folder, tmp_path, layout="richhf", images=str(tmp_path / "pick")).counts
    assert (line["published_records"], line["as_published"]) == (1, "yes")
    assert sum(part.records for name, part in richhf.PUBLISHED.items() if name != "dev") + 995 == 17760, "its README"


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = marked_sets.richhf(tmp_path / "richhf", {"train/0/aa.png": square(200)})
    for place in ("x", "y"):
        put(tmp_path / "pick" / place, "aa.jpg", image(0))
    with pytest.raises(InputError, match="two images of one name; move one of them away"):
        read(folder, tmp_path, layout="richhf", images=str(tmp_path / "pick"))


def test_records_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "richhf").mkdir()
    path = tmp_path / "richhf" / "dev.tfrecord"
    for data in (b"nonsense", marked_sets.example({"filename": (1, [b"a.png"])})):
        path.write_bytes(marked_sets.tfrecord(data))
        with pytest.raises(InputError, match="record 0 is no example with filename and artifact_map"):
            read(tmp_path / "richhf", tmp_path, layout="richhf", images=str(tmp_path))


# -- all ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", human_marks.LAYOUTS)
def test_a_folder_without_the_layout_says_what_it_lacks(tmp_path: Path, layout: str) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(
        InputError, match=r"set: no.* in it|set: no image in images/.*; docs/human_marks\.md shows"
    ) as told:
        read(tmp_path / "set", tmp_path, layout=layout, images=str(tmp_path / "set"))
    assert "docs/human_marks.md shows the layout" in str(told.value)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        read(tmp_path / "nowhere", tmp_path, layout=layout)
