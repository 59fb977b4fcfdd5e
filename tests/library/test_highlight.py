"""Two folders in, maps and a page out: what is told apart, what is not, kills, memory, and the words of it all."""

import itertools
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from selfrefine import library
from selfrefine.core import arrays, files, pixels
from selfrefine.core.errors import InputError
from selfrefine.core.random_streams import stream
from selfrefine.data import image_folder
from selfrefine.highlighter.data import use_seed
from selfrefine.highlighter.gradcam import flaw_activation_maps
from selfrefine.highlighter.model import FAKE, classify, load
from selfrefine.library.highlighting import figures, mirror, outputs, page, pictures, request, scoring, split, workplace
from selfrefine.metrics.intervals import Estimate
from tests.support import children, tiny, tiny_highlighter, two_folders
from tests.support.children import FORKS, Fault

COUNT = 40  # images of a folder, of which eight test
QUICK: dict[str, Any] = {
    **{"input_size": 32, "steps": 10, "batch_size": 8, "learning_rate": 0.0002},
    **{"device": "cpu", "precision": "float32"},
}
TRAINING = ("input_size", "steps", "batch_size", "learning_rate")
UNTRAINED: dict[str, Any] = dict.fromkeys((*TRAINING, "weights"))  # of a highlighter that is trained already
REUSED: dict[str, Any] = {name: value for name, value in QUICK.items() if name not in TRAINING}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_highlighter.write_weights(tmp_path_factory.mktemp("weights") / "vgg16.safetensors")


@pytest.fixture(scope="module")
def easy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two folders that are told apart; of the generated ones some lie in folders below, under names of any kind."""
    folders = dict(two_folders.easy(tmp_path_factory.mktemp("easy"), COUNT))
    below = folders["fake"] / "b & <c>"
    below.mkdir()
    (folders["fake"] / "0001.png").rename(below / "é '\"1.png")
    (folders["fake"] / "broken.png").write_bytes(b"no image")
    return folders


@pytest.fixture(scope="module")
def made(easy: dict[str, Path], weights: Path, tmp_path_factory: pytest.TempPathFactory) -> library.Highlighted:
    torch.set_num_threads(1)
    return library.highlight(**easy, out=tmp_path_factory.mktemp("made") / "out", weights=weights, **QUICK)


def scores(found: library.Highlighted) -> pd.DataFrame:
    return files.read_table(found.folder / "scores.csv")


# -- what is there -----------------------------------------------------------------------------------------------------


def test_folders_that_differ_are_told_apart_on_images_that_were_not_learned_from(made: library.Highlighted):
    assert made.told_apart
    assert made.sentences[-1].endswith(f"can be told apart: {made.folder / 'index.html'} shows where")
    assert made.figures["roc_auc"].low > 0.5
    assert "on 8 + 8 test images" in made.sentences[-2]
    table = files.read_table(made.folder / "metrics.csv").set_index("metric")
    assert set(table.index) == {*figures.TITLES, *(f"{found.check}_roc_auc" for found in made.shortcuts)}
    assert table.loc["roc_auc", "low"] == pytest.approx(made.figures["roc_auc"].low)
    assert set(table["n_images"]) == {16}


def test_every_generated_image_has_its_line_its_map_and_its_pictures(made: library.Highlighted, easy: dict[str, Path]):
    table, maps = scores(made), np.load(made.folder / "maps.npy", mmap_mode="r")
    assert {*table["file"]} == {*image_folder.image_files(easy["fake"])} - {"broken.png"}
    assert (np.diff(table["logit"]) <= 0).all()
    assert np.allclose(table["p_fake"], 1 / (1 + np.exp(-table["logit"])))
    assert (maps.dtype, maps.shape) == (np.float16, (COUNT, 32, 32))
    for name, row in zip(table["overlay"], maps, strict=True):
        plain = made.folder / "images" / f"{Path(name).stem}.jpg"
        assert Image.open(made.folder / name).size == Image.open(plain).size == (32, 32)
        assert row.min() == 0.0
    assert maps.max() == pytest.approx(1.0, abs=1e-3)
    assert len(list((made.folder / "overlays").iterdir())) == len(list((made.folder / "images").iterdir())) == COUNT


def test_maps_and_scores_are_those_of_the_method(made: library.Highlighted, easy: dict[str, Path]):
    """Bit for bit those of `flaw_activation_maps` and `classify`, which make two passes where one is made here."""
    table, maps = scores(made), np.load(made.folder / "maps.npy")
    model = load(made.folder / outputs.HIGHLIGHTER, torch.device("cpu"))
    names = [name for name in image_folder.image_files(easy["fake"]) if name != "broken.png"]
    seed = use_seed(0, "dither_fake")
    for place in (0, 7, COUNT - 1):
        name = table["file"][place]
        image = np.asarray(Image.open(easy["fake"] / name))[None]

        def dither(name: str = name) -> list[torch.Generator]:
            return [stream(seed, "highlighter", names.index(name))]

        expected = flaw_activation_maps(model, pixels.to_float(image), dither())[0].numpy()
        assert np.allclose(maps[place], expected, atol=2e-3)
        logits = classify(model, image, dither(), torch.float32)[0].numpy()
        assert table["logit"][place] == pytest.approx(logits[0] - logits[1], abs=1e-3)
        overlay = np.asarray(Image.open(made.folder / table["overlay"][place]))
        assert np.abs(overlay.astype(int) - pictures.overlaid(image, expected[None])[0]).max() <= 2


def test_the_page_needs_nothing_beside_it(made: library.Highlighted):
    text = (made.folder / "index.html").read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("data:image/jpeg;base64,") == 2 * COUNT
    assert "<c>" not in text
    assert "can be told apart." in text


def test_a_file_that_is_no_image_is_told(easy: dict[str, Path], weights: Path, tmp_path: Path, capfd: Any):
    library.highlight(**easy, out=tmp_path / "out", weights=weights, **QUICK | {"steps": 1})
    assert "fake/broken.png: no image of a known format" in capfd.readouterr().out


def test_only_the_output_is_left(made: library.Highlighted):
    assert [path.name for path in made.folder.parent.iterdir()] == ["out"]
    assert files.check_folder(made.folder)


# -- what cannot be told apart -----------------------------------------------------------------------------------------


def same_folder(folder: Path) -> tuple[Path, Path]:
    real = two_folders.write(folder / "real", two_folders.scenes(COUNT, 32, 0))
    return real, real


def same_images(folder: Path) -> tuple[Path, Path]:
    """Under other names, in other files."""
    images = two_folders.scenes(COUNT, 32, 0)
    bmp = two_folders.write(
        folder / "fake", images[::-1], lambda image, path: Image.fromarray(image).save(path.with_suffix(".bmp"))
    )
    return two_folders.write(folder / "real", images), bmp


def a_part_of_them(folder: Path) -> tuple[Path, Path]:
    images = two_folders.scenes(COUNT, 32, 0)
    return two_folders.write(folder / "real", images), two_folders.write(folder / "fake", images[:35])


def others_alike(folder: Path) -> tuple[Path, Path]:
    images = two_folders.scenes(2 * COUNT, 32, 0)
    return two_folders.write(folder / "real", images[:COUNT]), two_folders.write(folder / "fake", images[COUNT:])


@pytest.mark.parametrize("kind", [same_folder, same_images, a_part_of_them, others_alike])
def test_folders_of_the_same_kind_cannot_be_told_apart_and_have_no_maps(
    kind: Any, weights: Path, tmp_path: Path, capfd: Any
):
    real, fake = kind(tmp_path)
    found = library.highlight(real, fake, tmp_path / "out", weights=weights, **QUICK)
    assert not found.told_apart
    assert capfd.readouterr().out.splitlines()[-1] == found.sentences[-1]
    assert found.sentences[-1].endswith("cannot be told apart")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"SHA256SUMS", "index.html", "metrics.csv"}
    assert "cannot be told apart" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    if kind is not others_alike:
        count = 35 if kind is a_part_of_them else COUNT
        assert any(line.startswith(f"{count} images are in both folders, pixel for pixel") for line in found.sentences)


def test_images_of_both_folders_are_told_and_neither_learned_from_nor_tested_on(
    easy: dict[str, Path], weights: Path, tmp_path: Path
):
    fake = two_folders.write(tmp_path / "fake", two_folders.dark_rows(two_folders.scenes(COUNT, 32, 1)))
    for number in range(3):
        (fake / f"copy{number}.png").write_bytes((easy["real"] / f"000{number}.png").read_bytes())
    found = library.highlight(easy["real"], fake, tmp_path / "out", weights=weights, **QUICK)
    told = "3 images are in both folders, pixel for pixel, the first copy0.png as 0000.png: nothing is learned"
    assert any(line.startswith(told) for line in found.sentences)
    parts = scores(found).set_index("file")["part"]
    assert {*parts[["copy0.png", "copy1.png", "copy2.png"]]} == {split.BOTH}
    assert (parts == split.BOTH).sum() == 3
    assert (parts == "test").sum() == round(0.2 * (COUNT - 3))


# -- the split ---------------------------------------------------------------------------------------------------------


def mirrors(folder: Path, *groups: np.ndarray) -> list[mirror.Mirror]:
    made = [two_folders.write(folder / str(number), images) for number, images in enumerate(groups)]
    return [mirror.read(image_folder.scan(each), each, 32, folder / f"s{each.name}", "reading") for each in made]


def test_copies_of_an_image_are_never_on_both_sides(tmp_path: Path):
    images = two_folders.scenes(COUNT, 32, 0)
    real, fake = mirrors(tmp_path, two_folders.scenes(COUNT, 32, 1), np.concatenate([images, images, images[:9]]))
    division = split.divide(real, fake, 0)
    assert division is not None
    learned, tested = ({fake.digests[row] for row in division.fake[part]} for part in ("train", "test"))
    assert not learned & tested
    assert sum(map(len, division.fake.values())) == COUNT
    names = division.part_names(fake, set())
    assert names[:COUNT] == names[COUNT : 2 * COUNT]


@pytest.mark.parametrize(("n_real", "n_fake"), [(30, 30), (30, 95), (200, 31)])
def test_parts_are_balanced_disjoint_and_decided_by_pixels_and_seed(tmp_path: Path, n_real: int, n_fake: int):
    images = [two_folders.scenes(count, 32, seed) for seed, count in enumerate((n_real, n_fake))]
    pair, turned = mirrors(tmp_path, *images), mirrors(tmp_path / "turned", *(each[::-1] for each in images))
    count = min(n_real, n_fake)
    first, again, other = (split.divide(*some, seed) for some, seed in ((pair, 0), (turned, 0), (pair, 1)))
    assert first
    assert again
    assert other
    for rows, back, differing, folder, same in zip(
        (first.real, first.fake), (again.real, again.fake), (other.real, other.fake), pair, turned, strict=True
    ):
        assert [len(rows[part]) for part in ("test", "validation")] == [round(0.2 * count), round(0.1 * count)]
        assert len(np.unique(np.concatenate(list(rows.values())))) == count
        for part in rows:
            assert folder.digests[rows[part]].tolist() == same.digests[back[part]].tolist()
        assert {*rows["test"].tolist()} != {*differing["test"].tolist()}


# -- a highlighter that is there already -------------------------------------------------------------------------------


def test_a_highlighter_is_used_as_it_is_and_tested_on_what_it_did_not_learn_from(
    made: library.Highlighted, easy: dict[str, Path], tmp_path: Path
):
    found = library.highlight(
        **easy, out=tmp_path / "out", highlighter=made.folder / outputs.HIGHLIGHTER, **REUSED, seed=0
    )
    for name in ("maps.npy", outputs.HIGHLIGHTER, outputs.RECORD, "metrics.csv"):
        assert (found.folder / name).read_bytes() == (made.folder / name).read_bytes(), name
    other = two_folders.write(tmp_path / "fake", two_folders.dark_rows(two_folders.scenes(COUNT, 32, 2)))
    further = library.highlight(
        easy["real"], other, tmp_path / "further", highlighter=found.folder / outputs.HIGHLIGHTER, **REUSED, seed=5
    )
    assert "on 8 + 8 test images" in next(line for line in further.sentences if "test images" in line)


def test_one_without_its_record_says_so(made: library.Highlighted, easy: dict[str, Path], tmp_path: Path, capfd: Any):
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((made.folder / outputs.HIGHLIGHTER).read_bytes())
    library.highlight(**easy, out=tmp_path / "out", highlighter=alone, **REUSED)
    assert f"{alone}: no {outputs.RECORD} beside it" in capfd.readouterr().out


# -- kills -------------------------------------------------------------------------------------------------------------


def _live(arguments: dict[str, Any], log: Path, fault: Fault | None) -> None:
    """A call of the library in a process of its own, which a fault may kill."""
    for descriptor in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    torch.set_num_threads(1)
    if fault is not None:
        fault()
    library.highlight(**arguments)


def lived(arguments: dict[str, Any], log: Path, fault: Fault | None = None) -> int | None:
    """The exit code of such a process."""
    process = FORKS.Process(target=_live, args=(arguments, log, fault))
    process.start()
    process.join(children.PATIENCE)
    return process.exitcode


class BeforeRename:
    """Kills before the first write of a file whose name has these words."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __call__(self) -> None:
        def heard(event: str, told: tuple[Any, ...]) -> None:
            if event == "os.rename" and self.words in str(told[1]):
                children.die()

        sys.addaudithook(heard)


class InUpdate:
    """Kills in the middle of an update."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self) -> None:
        children.in_update(self.number)


POINTS: dict[str, Fault] = {
    "before the first file": BeforeRename(""),
    "reading": BeforeRename("fake/chunk"),
    "seventh update": InUpdate(7),
    "checkpoint": BeforeRename("checkpoint000000006"),
    "trained": BeforeRename("trained"),
    "mapping": BeforeRename("maps/chunk"),
    "writing": BeforeRename("scores.csv"),
    "the output's name": BeforeRename("/out"),
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_goes_on_and_ends_in_the_same_bytes(
    point: str, made: library.Highlighted, easy: dict[str, Path], weights: Path, tmp_path: Path
):
    out = tmp_path / "again" / "out"
    arguments = {**easy, "out": out, "weights": weights, **QUICK}
    log = tmp_path / "log"
    assert lived(arguments, log, POINTS[point]) == -9
    assert not out.exists()
    assert lived(arguments, log) == 0, log.read_text()
    assert tiny.bytes_below(out) == tiny.bytes_below(made.folder)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_what_is_done_is_not_done_again(easy: dict[str, Path], weights: Path, tmp_path: Path):
    arguments = {**easy, "out": tmp_path / "out", "weights": weights, **QUICK}
    assert lived(arguments, tmp_path / "first", BeforeRename("maps/chunk")) == -9
    before = {path: path.stat().st_mtime_ns for path in workplace.root(tmp_path / "out").rglob("*.npy")}
    assert before
    assert lived(arguments, tmp_path / "second", BeforeRename("scores.csv")) == -9
    assert all(path.stat().st_mtime_ns == moment for path, moment in before.items())
    assert "training: step" not in (tmp_path / "second").read_text()


def test_other_options_begin_anew(easy: dict[str, Path], weights: Path, tmp_path: Path):
    arguments = {**easy, "out": tmp_path / "out", "weights": weights, **QUICK}
    assert lived(arguments, tmp_path / "first", BeforeRename("trained")) == -9
    assert lived(arguments | {"seed": 1, "steps": 2}, tmp_path / "second") == 0
    assert "starting afresh" in (tmp_path / "second").read_text()


def test_of_two_at_once_the_second_refuses(easy: dict[str, Path], weights: Path, tmp_path: Path):
    with workplace.lock(tmp_path / "out"), pytest.raises(InputError, match=r"^out: process \d+ on .* is working on"):
        library.highlight(**easy, out=tmp_path / "out", weights=weights, **QUICK)
    assert not (tmp_path / "out").exists()


# -- memory and size ---------------------------------------------------------------------------------------------------


def peak(work: Any) -> float:
    """Megabytes that numpy and Python held at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reading, mapping and drawing: what four times the images take more is less than a fifth of what they are."""
    monkeypatch.setattr(mirror, "CHUNK_BYTES", 2**19)
    monkeypatch.setattr(page, "EMBEDDED", 8)
    model = tiny_highlighter.highlighter(64)
    few, many = 64, 256
    images = two_folders.scenes(many, 64, 0)
    taken = {}
    for count in (few, many):
        folder = two_folders.write(tmp_path / f"of{count}", images[:count])

        def work(count: int = count, folder: Path = folder) -> None:
            fake = mirror.read(image_folder.scan(folder), folder, 64, tmp_path / f"m{count}", "reading")
            scorer = scoring.Scorer(model, torch.float32, fake, FAKE, 0)
            found = scorer.score(np.arange(count), tmp_path / f"s{count}", "mapping")
            told = library.Highlighted(tmp_path, True, {"roc_auc": Estimate(1.0)}, [], ["told"])
            (tmp_path / f"out{count}").mkdir()
            outputs.write_all(tmp_path / f"out{count}", told, 1, model, {}, fake, found, ["test"] * count)

        taken[count] = peak(work)
    whole = (many - few) * 64 * 64 * (3 + 2) / 2**20  # of images and maps
    assert taken[many] - taken[few] < whole / 5


def test_a_page_of_many_images_holds_the_small_pictures_of_the_first_ones_alone(
    made: library.Highlighted, monkeypatch: pytest.MonkeyPatch
):
    count = 10_000
    table = pd.DataFrame(
        {"file": [f"images/{n}.png" for n in range(count)], "p_fake": 0.5, "logit": 0.0, "part": "test"}
    )
    small = [("data:image/jpeg;base64," + 5000 * "A",) * 2] * page.EMBEDDED
    text = page.render(made, page.cards(table, [f"{n:06d}_{n}" for n in range(count)], small))
    assert f"The small pictures of the {page.EMBEDDED} highest scores are in this file" in text
    assert len(text) < 8e6


# -- intervals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [6, 8, 100])
def test_where_all_are_told_right_the_intervals_are_exact(count: int):
    found = figures.measure(np.full(count, -3.0) - np.arange(count), np.full(count, 3.0) + np.arange(count), 0)
    assert found["roc_auc"].low == pytest.approx(0.025 ** (1 / count))
    assert found["accuracy"].low == pytest.approx(0.025 ** (1 / (2 * count)))
    assert 0.5 < found["f1"].low < found["accuracy"].low
    assert {found[name].high for name in ("roc_auc", "accuracy", "f1")} == {1.0}


def test_with_fewer_than_six_all_right_does_not_rule_out_guessing():
    assert figures.with_ends(Estimate(1.0), 5).low < 0.5 < figures.with_ends(Estimate(1.0), 6).low
    assert figures.with_ends(Estimate(0.0), 6).high < 0.5
    assert np.isnan(figures.with_ends(Estimate(0.5), 6).low)
    assert split.FEWEST * split.TEST_SHARE == 6


# -- what does not fit -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"real": "absent"}, "real: absent is no folder; name a folder of images"),
        ({"fake": "file.txt"}, "fake: file.txt is no folder; name a folder of images"),
        ({"real": "empty"}, "real: empty has no image; name a folder of images"),
        ({"fake": "few"}, "fake: few has 29 different images; 30 or more needed"),
        ({"real": "broken"}, "real: broken has 0 different images; 30 or more needed"),
        ({"out": "few/out"}, "out: few/out lies in few, whose images are read"),
        ({"out": "broken"}, "out: broken is there already; name a folder that is not"),
        ({"out": "file.txt"}, "out: file.txt is there already"),
        ({"out": "file.txt/out"}, "out: file.txt/out cannot be made"),
        ({"out": "/proc/nowhere/out"}, "out: /proc/nowhere/out cannot be made"),
        ({"input_size": 48}, "input_size is 48; a multiple of 32 needed"),
        ({"weights": "file.txt"}, "file.txt: not a readable safetensors file"),
        ({"weights": "absent"}, "weights: absent is no file"),
        (UNTRAINED | {"highlighter": "absent"}, "highlighter: absent is no file"),
        (
            UNTRAINED | {"highlighter": "file.txt"},
            "file.txt: not a readable safetensors file",
        ),
        (
            dict.fromkeys(TRAINING) | {"highlighter": "file.txt"},
            "weights are given, but highlighter is trained already",
        ),
        (
            {"highlighter": "file.txt", "input_size": None},
            "steps is 10, but highlighter is trained already; leave it out",
        ),
        ({"device": "cuda"}, "device is cuda, but this machine has cpu"),
        ({"precision": "float16"}, "precision is 'float16'; auto, float32, bfloat16 needed"),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_made(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], told: str
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    two_folders.write(Path("few"), two_folders.scenes(29, 32, 0))
    two_folders.write(Path("enough"), two_folders.scenes(31, 32, 1))
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken", "image.png").write_bytes(b"no image")
    Path("file.txt").write_text("text")
    before = {*Path().rglob("*")}
    given = {"real": "enough", "fake": "few", "out": "out", "weights": weights} | QUICK
    with pytest.raises(InputError) as fault:
        library.highlight(**given | change)
    assert str(fault.value).startswith(told)
    assert "\n" not in str(fault.value)
    assert {*Path().rglob("*")} == before


def wrong_record(folder: Path, made: library.Highlighted) -> str:
    (folder / outputs.RECORD).write_text("{}")
    return f"highlighter: {folder / outputs.RECORD} is not what a run wrote"


def broken_record(folder: Path, made: library.Highlighted) -> str:
    (folder / outputs.RECORD).write_text("{")
    return f"highlighter: {folder / outputs.RECORD} is not what a run wrote"


def not_finite(folder: Path, made: library.Highlighted) -> str:
    model = load(folder / outputs.HIGHLIGHTER, torch.device("cpu"))
    list(model.parameters())[-1].data.fill_(float("nan"))
    model.save(folder / outputs.HIGHLIGHTER)
    return f"highlighter: {folder / outputs.HIGHLIGHTER} has weights that are not finite"


def of_all_images(folder: Path, made: library.Highlighted) -> str:
    record = files.read_json(made.folder / outputs.RECORD)
    photographs = two_folders.scenes(COUNT, 32, 0)
    generated = two_folders.dark_rows(two_folders.scenes(COUNT, 32, 1))
    every = [mirror.contents_of(image) for image in (*photographs, *generated)]
    record["learned"] += split.digest_heads(every)
    files.write_json(folder / outputs.RECORD, record)
    return "highlighter: it did not learn from 0 images of each folder; 6 needed to test it"


@pytest.mark.parametrize("damage", [wrong_record, broken_record, not_finite, of_all_images])
def test_a_highlighter_that_does_not_fit_is_one_line(
    made: library.Highlighted, easy: dict[str, Path], tmp_path: Path, damage: Any
):
    path = tmp_path / outputs.HIGHLIGHTER
    path.write_bytes((made.folder / outputs.HIGHLIGHTER).read_bytes())
    line = damage(tmp_path, made)
    with pytest.raises(InputError) as fault:
        library.highlight(**easy, out=tmp_path / "out", highlighter=path, **REUSED)
    assert str(fault.value).startswith(line)


def test_a_loss_that_is_no_number_sends_to_the_argument(easy: dict[str, Path], weights: Path, tmp_path: Path):
    tensors, _ = arrays.read_tensors(weights)
    arrays.write_tensors(tmp_path / "large", {name: value * 1e6 for name, value in tensors.items()})
    with pytest.raises(InputError, match=r"^loss is (nan|inf) at step \d+; lower learning_rate$"):
        library.highlight(**easy, out=tmp_path / "out", weights=tmp_path / "large", **QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["large"]


def test_names_of_pictures_are_of_letters_that_any_system_takes():
    names = [pictures.file_name(rank, name) for rank, name in enumerate(("a/ü b.png", "a/ü?b.jpg", "x" * 300 + ".png"))]
    assert len({*names}) == 3
    assert all(set(name) <= set(pictures_letters()) and len(name) < 80 for name in names)


def pictures_letters() -> str:
    return "".join(map(chr, itertools.chain(range(48, 58), range(65, 91), range(97, 123)))) + "._-"


def test_defaults_are_those_that_the_help_names():
    assert (request.INPUT_SIZE, request.STEPS, request.BATCH_SIZE, request.LEARNING_RATE) == (256, 300, 16, 0.00005)
