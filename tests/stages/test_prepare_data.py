"""The real command on small IDX files and on a folder of everything, and every way in which a split can be wrong."""

import json
import os
import struct
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from selfrefine.core import arrays, files, pixels
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.data import captions, idx_images
from selfrefine.stages import prepare_data, train_base
from selfrefine.stages.prepare_data import OfFolder, OfSource
from tests.support import tiny

LABELS = np.array([9, 0, 2, 5, 1, 9])
OUTPUTS = prepare_data.Outputs(
    *(Path("out", name) for name in ("train.npy", "train.csv", "test.npy", "test.csv", "notes.csv"))
)
INPUTS = prepare_data.Inputs((Path("photographs"), Path("test_photographs")), (Path("labels"), Path("test_labels")))


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Six photographs with labels, and the last two again as test split, in files of the working folder."""
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    write_idx(tmp_path / "photographs", images)
    write_idx(tmp_path / "labels", LABELS)
    write_idx(tmp_path / "test_photographs", images[4:])
    write_idx(tmp_path / "test_labels", LABELS[4:])
    return images


def of_source(**changed) -> OfSource:
    values = {"source": "fashion_mnist", "classes": (), "size": 16, "pad": 2, "max_images": 60000}
    values |= {"captions": ("{label}",), "names": {"dataset": "fashion_mnist"}}
    return OfSource(**values | changed)


def job(config: OfSource | OfFolder, inputs: prepare_data.Inputs = INPUTS):
    return Job("prepare_data", config, inputs, OUTPUTS)


def command(config: OfSource | OfFolder, inputs: prepare_data.Inputs = INPUTS) -> "subprocess.CompletedProcess[str]":
    """What the rule runs."""
    words = [sys.executable, "-m", "selfrefine.stages.prepare_data", "--config", json.dumps(asdict(config))]
    words += ["--record", "out/config.json"]
    words += ["--photographs", *map(str, inputs.photographs), "--labels", *map(str, inputs.labels)]
    words += [word for name, path in asdict(OUTPUTS).items() for word in (f"--{name}", str(path))]
    return subprocess.run(words, check=False, capture_output=True, text=True)


def written() -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in asdict(OUTPUTS).items()}


# -- a source ----------------------------------------------------------------------------------------------------------


def test_the_command_prepares_the_first_images_of_both_splits_in_order(photographs: np.ndarray):
    config = of_source(max_images=4)
    assert command(config).returncode == 0
    assert np.array_equal(arrays.read_images(OUTPUTS.train_images), idx_images.prepare(photographs[:4], 16, 2))
    assert np.array_equal(arrays.read_images(OUTPUTS.test_images), idx_images.prepare(photographs[4:], 16, 2))
    items = OUTPUTS.train_items.read_text().splitlines()
    assert items == ["label,caption,source", "9,ankle boot,0", "0,t-shirt,1", "2,pullover,2", "5,sandal,3"]
    items = OUTPUTS.test_items.read_text().splitlines()
    assert items == ["label,caption,source", "1,trouser,0", "9,ankle boot,1"]
    assert OUTPUTS.notes.read_text() == "source,note,detail\n"
    assert files.read_config(Path("out/config.json")) == json.loads(json.dumps(asdict(config)))


def test_chosen_classes_keep_their_order_labels_and_sources(photographs: np.ndarray):
    prepare_data.run(job(of_source(classes=("ankle boot", "sandal"), max_images=2)))
    assert np.array_equal(arrays.read_images(OUTPUTS.train_images), idx_images.prepare(photographs[[0, 3]], 16, 2))
    assert OUTPUTS.train_items.read_text().splitlines()[1:] == ["9,ankle boot,0", "5,sandal,3"]
    assert OUTPUTS.test_items.read_text().splitlines()[1:] == ["9,ankle boot,1"]


def test_captions_are_made_of_templates_and_stay_with_their_image(photographs: np.ndarray):
    templates = ("a photo of {article} {label}", "one {label}", "{label}, photographed")
    prepare_data.run(job(of_source(captions=templates)))
    whole = [items(split)["caption"].tolist() for split in ("train", "test")]
    expected = captions.of_classes(
        ["ankle boot", "t-shirt", "pullover", "sandal", "trouser", "ankle boot"], range(6), templates
    )
    assert whole == [expected, captions.of_classes(["trouser", "ankle boot"], range(2), templates)]
    prepare_data.run(job(of_source(captions=templates, classes=("trouser", "pullover"), max_images=2)))
    assert items("train")["caption"].tolist() == [whole[0][2], whole[0][4]]


def test_a_template_without_a_label_is_told_and_nothing_is_written(photographs: np.ndarray):
    with pytest.raises(InputError, match=r"prepare_data.captions holds 'a photo'; needed: {label}"):
        prepare_data.run(job(of_source(captions=("{label}", "a photo"))))
    assert not Path("out").exists()


def test_an_unknown_class_is_told(photographs: np.ndarray):
    with pytest.raises(InputError, match=r"prepare_data.classes names boot; known: t-shirt, .*, ankle boot"):
        prepare_data.run(job(of_source(classes=("boot",))))


def test_fewer_images_than_allowed_are_all_taken_and_twice_gives_equal_bytes(photographs: np.ndarray):
    prepare_data.run(job(of_source()))
    first = written()
    prepare_data.run(job(of_source()))
    assert written() == first
    assert len(arrays.read_images(OUTPUTS.train_images)) == 6


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (LABELS[:5], "photographs: 6 images, but 5 labels in labels"),
        (np.array([9, 0, 2, 10, 1, 9]), "labels: label 10 given, its source has 0 ... 9"),
        (np.zeros((6, 28, 28)), "labels: begins with 00000803"),
    ],
)
def test_labels_that_do_not_fit_are_refused_and_nothing_is_written(
    photographs: np.ndarray, labels: np.ndarray, told: str
):
    write_idx(Path("labels"), labels)
    with pytest.raises(InputError) as error:
        prepare_data.run(job(of_source()))
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("out").exists()


def test_photographs_that_are_not_square_are_refused(photographs: np.ndarray):
    write_idx(Path("photographs"), photographs[:, :20])
    with pytest.raises(InputError, match="grey and square"):
        prepare_data.run(job(of_source()))
    assert not Path("out").exists()


# -- a folder ----------------------------------------------------------------------------------------------------------


def of_folder(**changed) -> OfFolder:
    values = {
        "folder": "photos",
        "contents": "digest",
        "size": 8,
        "channels": 3,
        "background": "white",
        "own_splits": False,
    }
    values |= {
        "test_share": 0.3,
        "split_seed": 0,
        "minimum_images": 10,
        "max_images": 1000,
        "names": {"dataset": "mine"},
    }
    return OfFolder(**values | changed)


NOTHING = prepare_data.Inputs((), ())
SAVED = {"png": "RGBA", "jpg": "CMYK", "webp": "RGB", "gif": "P", "bmp": "L", "tif": "I;16", "JPEG": "L", "tiff": "LA"}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """48 photographs of eight formats and modes and many shapes in two sub-folders, and two files that are none."""
    monkeypatch.chdir(tmp_path)
    draws = np.random.default_rng(0)
    for index in range(48):
        suffix, mode = list(SAVED.items())[index % len(SAVED)]
        path = tmp_path / "photos" / ("cats" if index % 2 else "big_dogs") / f"{index}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = draws.integers(9, 40, 2)
        if mode == "I;16":
            Image.fromarray(draws.integers(0, 65536, (height, width), dtype=np.uint16)).save(path)
        else:
            pixels = draws.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(path)
    (tmp_path / "photos" / "cats" / "cut.jpg").write_bytes(
        (tmp_path / "photos" / "big_dogs" / "6.JPEG").read_bytes()[:300]
    )
    (tmp_path / "photos" / "page.png").write_text("<html>not found</html>")
    return tmp_path / "photos"


def items(split: str) -> pd.DataFrame:
    return files.read_table(getattr(OUTPUTS, f"{split}_items")).fillna("")


def test_the_command_prepares_a_folder_of_everything(photos: Path):
    done = command(of_folder(), NOTHING)
    assert done.returncode == 0, done.stderr
    both = [(items(split), arrays.read_images(getattr(OUTPUTS, f"{split}_images"))) for split in ("train", "test")]
    for table, images in both:
        assert len(table) == len(images) > 5
        assert images.shape[1:] == (8, 8, 3)
    tables = pd.concat([table for table, _ in both])
    assert sorted(tables["source"]) == sorted(p.relative_to(photos).as_posix() for p in photos.rglob("*/[0-9]*"))
    assert set(zip(tables["label"], tables["caption"], strict=True)) == {(0, "big dogs"), (1, "cats")}
    assert all(
        caption.replace(" ", "_") == source.split("/")[0] for caption, source in tables[["caption", "source"]].values
    )
    told = done.stdout.splitlines()
    (cut,) = (line for line in told if "cut.jpg" in line)
    (page,) = (line for line in told if "page.png" in line)
    assert cut.startswith("prepare_data mine: photos/cats/cut.jpg: ")
    assert "truncated" in cut.lower()
    formats = "PNG, JPEG, WEBP, GIF, BMP, TIFF, AVIF, JPEG2000, PPM, ICO"
    assert page == f"prepare_data mine: photos/page.png: no image of a known format ({formats}); skipped"
    counts = f"{len(both[0][0])} images in train, {len(both[1][0])} in test, 2 skipped"
    assert told[-2:-1] == [f"prepare_data mine: photos: {counts}"]  # after it the memory that was used
    notes = files.read_table(OUTPUTS.notes)
    assert sorted(notes["source"]) == ["cats/cut.jpg", "page.png"]
    assert set(notes["note"]) == {"skipped"}


def test_all_that_is_no_image_is_counted_by_reason(photos: Path, capsys: pytest.CaptureFixture[str]):
    for index in range(30):
        (photos / "cats" / f"{index}.txt").write_text("a cat")
    (photos / "phone.heic").write_bytes(b"....ftypheic")
    (photos / "gone.jpg").symlink_to(photos / "nothing")
    os.mkfifo(photos / "cats" / "pipe.png")
    prepare_data.run(job(of_folder(), NOTHING))
    told = [line for line in capsys.readouterr().out.splitlines() if line.endswith("skipped")]
    assert told[:4] == [
        "prepare_data mine: photos/cats/0.txt and 29 more: not an image (.txt); skipped",
        "prepare_data mine: photos/cats/pipe.png: a pipe, not a file; skipped",
        "prepare_data mine: photos/gone.jpg: a link to nothing; skipped",
        "prepare_data mine: photos/phone.heic: .heic is not read; convert it to JPEG or PNG; skipped",
    ]
    assert len(told) == 7, "and the two of the other tests, and the line that counts them"
    everything = [path.relative_to(photos).as_posix() for path in photos.rglob("*") if not path.is_dir()]
    seen = [*items("train")["source"], *items("test")["source"], *files.read_table(OUTPUTS.notes)["source"]]
    assert sorted(seen) == sorted(everything)


def test_colours_become_grey_and_are_counted(photos: Path, capsys: pytest.CaptureFixture[str]):
    """The luminance of each photograph, as the colours would be prepared, not its red channel; the network takes it."""
    prepare_data.run(job(of_folder(), NOTHING))
    colours = {split: np.array(arrays.read_images(getattr(OUTPUTS, f"{split}_images"))) for split in ("train", "test")}
    capsys.readouterr()
    prepare_data.run(job(of_folder(channels=1), NOTHING))
    for split, before in colours.items():
        found = arrays.read_images(getattr(OUTPUTS, f"{split}_images"))
        assert np.abs(found - (before @ np.array([0.299, 0.587, 0.114]))[..., None]).max() <= 1.0
        assert np.abs(found.astype(int) - before[..., :1]).max() > 20
        assert pixels.to_float(found, channels=1).shape == (len(found), 1, 8, 8)
        with pytest.raises(InputError, match="images in colour given, but the network has 1 channel; make them grey"):
            pixels.to_float(before, channels=1)
    notes = files.read_table(OUTPUTS.notes)
    greyed = set(notes["source"][notes["note"] == "made grey"])
    kinds = {Path(name).suffix for name in greyed}
    assert kinds == {".png", ".jpg", ".webp", ".gif"}
    assert len(greyed) == 24
    assert capsys.readouterr().out.splitlines()[-1].endswith(", 2 skipped, 24 made grey")


def test_twice_gives_equal_bytes_and_new_files_move_no_others(photos: Path):
    prepare_data.run(job(of_folder(), NOTHING))
    first, before = written(), [items(split)["source"].tolist() for split in ("train", "test")]
    prepare_data.run(job(of_folder(), NOTHING))
    assert written() == first
    for index in range(20):
        Image.new("RGB", (8, 8), (index, 200, 10)).save(photos / f"new {index}.png")
    prepare_data.run(job(of_folder(), NOTHING))
    after = [items(split)["source"].tolist() for split in ("train", "test")]
    for earlier, later in zip(before, after, strict=True):
        assert [name for name in later if not name.startswith("new")] == earlier
        assert len(later) > len(earlier)


def test_a_copy_of_a_training_image_leaves_test(photos: Path, capsys: pytest.CaptureFixture[str]):
    prepare_data.run(job(of_folder(), NOTHING))
    trained, tested = (next(n for n in items(split)["source"] if n.endswith("png")) for split in ("train", "test"))
    Image.open(photos / trained).save(photos / tested)
    prepare_data.run(job(of_folder(), NOTHING))
    assert tested in set(items("train")["source"])
    assert tested not in set(items("test")["source"])
    assert f"{tested},moved to train,same pixels as {trained}" in OUTPUTS.notes.read_text().splitlines()
    assert capsys.readouterr().out.splitlines()[-1].endswith(", 2 skipped, 1 moved to train")
    seen = {image.tobytes() for image in arrays.read_images(OUTPUTS.train_images)}
    assert not any(image.tobytes() in seen for image in arrays.read_images(OUTPUTS.test_images))


def test_captions_of_a_folder_come_from_its_file(photos: Path, capsys: pytest.CaptureFixture[str]):
    prepare_data.run(job(of_folder(), NOTHING))
    before = {split: items(split) for split in ("train", "test")}
    names = sorted(name for table in before.values() for name in table["source"])
    lines = [f'{name},"image {place}, of many"' for place, name in enumerate(names) if place != 3]
    (photos / "captions.csv").write_text("\n".join(["file,caption", *lines, "gone.png,a cat", *lines[::-1]]))
    capsys.readouterr()
    prepare_data.run(job(of_folder(), NOTHING))
    for split, table in before.items():
        after = items(split)
        assert after[["label", "source"]].equals(table[["label", "source"]])
        expected = ["" if (place := names.index(name)) == 3 else f"image {place}, of many" for name in after["source"]]
        assert after["caption"].tolist() == expected
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "captions.csv" in line)
    assert line == (
        f"prepare_data mine: photos/captions.csv: 3 of 50 images without caption (the first: {names[3]}), "
        "1 captions without image (the first: gone.png)"
    )


def test_small_images_are_enlarged_and_counted(photos: Path, capsys: pytest.CaptureFixture[str]):
    Image.new("RGB", (5, 4)).save(photos / "small.png")
    prepare_data.run(job(of_folder(), NOTHING))
    assert "small.png,enlarged,from 4 to 8 px" in OUTPUTS.notes.read_text().splitlines()
    assert "1 enlarged" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"minimum_images": 49}, "in test, 2 skipped; needed: 49 images and some in each split; add images, or edit"),
        ({"test_share": 0.0001}, "photos: 48 images in train, 0 in test"),
        ({"folder": "photoss"}, "photoss: no such folder; put the images there"),
    ],
)
def test_too_few_images_are_refused_in_one_line_and_nothing_is_written(photos: Path, changed: dict, told: str):
    done = command(of_folder(**changed), NOTHING)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert told in line
    assert "Traceback" not in line
    assert not list(Path().glob("out/*"))


def test_the_base_phase_trains_on_a_folder(photos: Path, tmp_path: Path):
    prepare_data.run(job(of_folder(), NOTHING))
    train_base.run(tiny.base_job(OUTPUTS.train_images, tmp_path / "base"))
    assert (tmp_path / "base" / "pipeline" / "model_index.json").is_file()
    assert np.isfinite(files.read_table(tmp_path / "base" / "loss.csv")["loss"]).all()


@pytest.mark.parametrize("leaf", ["pad", "test_share"])
def test_a_leaf_of_the_other_kind_is_refused(photos: Path, leaf: str):
    values = asdict(of_folder()) | {"pad": 2} if leaf == "pad" else asdict(of_source()) | {"test_share": 0.1}
    words = ["--config", json.dumps(values), "--record", "out/config.json", "--photographs", "--labels"]
    words += [word for name, path in asdict(OUTPUTS).items() for word in (f"--{name}", str(path))]
    done = subprocess.run(
        [sys.executable, "-m", "selfrefine.stages.prepare_data", *words], check=False, capture_output=True, text=True
    )
    assert done.stderr.startswith(f"prepare_data: params.yaml: {leaf} is not read by this stage; known here: ")
