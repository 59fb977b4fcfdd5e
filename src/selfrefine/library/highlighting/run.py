"""Flaws in a folder of generated images: what tells them from a folder of photographs, and where: docs/highlight.md."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrefine.core import contents, devices, files, kept
from selfrefine.core.errors import InputError
from selfrefine.data import image_folder
from selfrefine.data.image_folder import Found
from selfrefine.diffusion.pipelines import require
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.model import FAKE, REAL, Highlighter
from selfrefine.highlighter.training import HighlighterTrainer, initial_highlighter
from selfrefine.library import checks, given
from selfrefine.library.highlighting import figures, mirror, outputs, request, shortcuts, split, workplace
from selfrefine.library.highlighting.highlighted import Highlighted
from selfrefine.library.highlighting.mirror import Mirror
from selfrefine.library.highlighting.outputs import RECORD
from selfrefine.library.highlighting.request import Request
from selfrefine.library.highlighting.scoring import Scorer, Scores
from selfrefine.metrics import classification

FEWEST_TESTED = 6  # of a class: with fewer, even if all were told right, guessing is not ruled out
APART, NOT_APART = "can be told apart", "cannot be told apart"
DEVICES, PRECISIONS = ("auto", "cpu", "cuda", "mps"), ("auto", "float32", "bfloat16")
TRAINED = "trained.safetensors"  # of the run's own folder


@checks.entry("lower learning_rate")
def highlight(
    real: Path | str,
    fake: Path | str,
    out: Path | str,
    *,
    highlighter: Path | str | None = None,
    weights: Path | str | None = None,
    input_size: int | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
) -> Highlighted:
    """Trains VGG16 to tell two folders of images apart, tests it on images it never saw, maps what it goes by.

    A call that is killed goes on where it was when it is made again. `out` appears when all of it is there.

    Args:
        real, fake: folders of photographs and of generated images, 30 or more each; of each image its largest centred
            square counts.
        out: a folder that is not there yet: index.html, scores.csv, metrics.csv, maps.npy ((n, S, S) float16, row i is
            line i of scores.csv), overlays/, images/, highlighter.safetensors.
        highlighter: highlighter.safetensors of an earlier run: used as it is, and tested on what it did not learn from.
        weights: safetensors of VGG16 with torchvision's names; None fetches them once into torch's cache.
        input_size: px that images are resized to, a multiple of 32; a map has (input_size / 16)^2 cells; None: 256.
        steps: updates; None: 300.
        batch_size: images of each class per update; None: 16.
        learning_rate: of AdamW, peak of one cycle; None: 0.00005.
        seed: of everything random; it decides with the images' own pixels which of them are learned from.
        device: auto, cpu, cuda or mps.
        precision: of the convolutions: auto, float32 or bfloat16.

    Raises:
        InputError: an argument that does not fit, or too few images.
    """
    training = {"input_size": input_size, "steps": steps, "batch_size": batch_size, "learning_rate": learning_rate}
    request.check_word(DEVICES, device=device)
    request.check_word(PRECISIONS, precision=precision)
    asked = request.checked(real, fake, out, highlighter, weights, training, seed)
    found = {name: _scanned(name, folder) for name, folder in (("real", asked.real), ("fake", asked.fake))}
    with devices.device(device, "device") as on, workplace.lock(asked.out) as place:
        made = _begun(asked, found, place, asked.highlighter or given.imagenet_weights(weights), on, precision).run()
    for sentence in made.sentences:
        print(sentence, flush=True)
    return made


def _begun(
    asked: Request, found: dict[str, Found], place: Path, start: Path, on: torch.device, precision: str
) -> "_Run":
    """A run with both folders read, in the part of the hidden folder that is its alone."""
    model, record = _model(asked, start, on)
    deciding = [_code(place / "contents"), repr(asked), files.sha256(start), *devices.deciding(on.type, precision)]
    deciding += [contents.digest(each.images, place / "contents") for each in found.values()]
    scratch = workplace.scratch(place, hashlib.sha256("\n".join(deciding).encode()).hexdigest()[:16])
    real, fake = (
        mirror.read(found[name], folder, model.input_size, scratch / name, f"highlight: reading {name}")
        for name, folder in (("real", asked.real), ("fake", asked.fake))
    )
    return _Run(asked, model, record, real, fake, scratch, devices.precision(precision, on))


def _code(caches: Path) -> str:
    """Digest of this package: what another version left unfinished is not gone on from."""
    return contents.digest({path.name: path for path in Path(__file__).parent.glob("*.py")}, caches)


def _scanned(name: str, folder: Path) -> Found:
    """The files of a folder, if there are any images."""
    found = image_folder.scan(folder)
    require(bool(found.images), f"{name}: {folder} has no image; name a folder of images")
    return found


def _model(asked: Request, start: Path, on: torch.device) -> tuple[Highlighter, dict[str, Any]]:
    """The highlighter before its training, or as it was trained; and how it is, or was."""
    if asked.highlighter is None:
        settings = vars(asked.settings) | {"input_size": asked.input_size, "seed": asked.seed}
        return initial_highlighter(asked.input_size, True, start, asked.seed).to(on), settings
    model = highlighter_model.load(start, on)
    finite = all(bool(weights.isfinite().all()) for weights in model.parameters())
    require(finite, f"highlighter: {start} has weights that are not finite; name another")
    beside = start.with_name(RECORD)
    if not beside.is_file():
        print(f"{start}: no {RECORD} beside it: what it learned from may be among the images that test it", flush=True)
        return model, {"learned": []}
    try:
        record = files.read_json(beside)
        learned = [str(head) for head in record["learned"]]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise InputError(f"highlighter: {beside} is not what a run wrote; put that back, or take it away") from None
    return model, record | {"learned": learned}


@dataclass(frozen=True)
class _Run:
    """All that follows when both folders are read."""

    asked: Request
    model: Highlighter
    record: dict[str, Any]
    real: Mirror
    fake: Mirror
    scratch: Path
    dtype: torch.dtype

    def run(self) -> Highlighted:
        """Trains, tests, maps, and writes the output."""
        asked = self.asked
        for folder in (self.real, self.fake):
            for line in image_folder.skipped(folder.skipped):
                print(f"{folder.folder}/{line}", flush=True)
        told = [f"{len(self.real)} images in {asked.real}, {len(self.fake)} in {asked.fake}", *self._shared()]
        division = split.divide(self.real, self.fake, asked.seed)
        if division is None:
            last = f"{asked.real} and {asked.fake} hold the same images: they {NOT_APART}"
            return self._report(Highlighted(asked.out, False, {}, [], [*told, last]), 0)
        tested = self._trained(division)
        real, fake = self._tested(tested)
        known = figures.measure(real.logits, fake.logits, asked.seed)
        found = shortcuts.check(self.real, self.fake, division, asked.seed)
        count = len(tested[0])
        told.append(
            f"accuracy {figures.told(known['accuracy'])}, F1 {figures.told(known['f1'])}, ROC-AUC "
            f"{figures.told(known['roc_auc'])} on {count} + {count} test images that the highlighter never saw"
        )
        told += [f"warning: {each.warning}" for each in found if each.warning]
        if classification.guesses(known["roc_auc"]):
            last = f"{asked.real} and {asked.fake} {NOT_APART}"
            return self._report(Highlighted(asked.out, False, known, found, [*told, last]), 2 * count)
        last = f"{asked.real} and {asked.fake} {APART}: {asked.out / 'index.html'} shows where"
        made = Highlighted(asked.out, True, known, found, [*told, last])
        scores = self._scored(tested[1], fake)
        parts = division.part_names(self.fake, split.shared_images(self.real, self.fake))
        with files.atomic_folder(asked.out) as unseen:
            outputs.write_all(unseen, made, 2 * count, self.model, self.record, self.fake, scores, parts)
        return made

    def _report(self, found: Highlighted, n_images: int) -> Highlighted:
        with files.atomic_folder(self.asked.out) as folder:
            outputs.write_report(folder, found, n_images)
        return found

    def _shared(self) -> list[str]:
        """A sentence on images that both folders hold, if any."""
        shared = split.shared_images(self.real, self.fake)
        if not shared:
            return []
        row = next(row for row, digest in enumerate(self.fake.digests) if digest in shared)
        first, twin = self.fake.names[row], self.real.names[self.real.digests.tolist().index(self.fake.digests[row])]
        return [
            f"{len(shared)} images are in both folders, pixel for pixel, the first {image_folder.shown(first)} as "
            f"{image_folder.shown(twin)}: nothing is learned from them or tested on them"
        ]

    def _trained(self, division: split.Division) -> tuple[np.ndarray, np.ndarray]:
        """Trains the highlighter if it is not yet; rows of both folders to test it on."""
        if self.asked.highlighter is not None:
            tested = split.untouched(self.real, self.fake, {*self.record["learned"]}, self.asked.seed)
            count = len(tested[0])
            require(
                count >= FEWEST_TESTED,
                f"highlighter: it did not learn from {count} images of each folder; {FEWEST_TESTED} needed to test it",
            )
            return tested
        if path := kept.found(self.scratch, TRAINED):
            self.model.load_state_dict(highlighter_model.load(path, self.model.mean.device).state_dict())
        else:
            pairs = split.FolderPairs(self.real, self.fake, division, self.asked.seed)
            trainer = HighlighterTrainer(self.model, pairs, self.asked.settings, self.dtype)
            trainer.run(self.scratch / "training", "highlight: training")
            kept.write(self.scratch, TRAINED, self.model.save)
        self.model.eval()
        self.record["learned"] = sorted(
            head
            for images, rows in ((self.real, division.real), (self.fake, division.fake))
            for part in ("train", "validation")
            for head in split.digest_heads(images.digests[rows[part]])
        )
        return division.real["test"], division.fake["test"]

    def _tested(self, rows: tuple[np.ndarray, np.ndarray]) -> list[Scores]:
        """Scores of the test images of both folders."""
        return [
            Scorer(self.model, self.dtype, images, label, self.asked.seed).score(
                chosen, self.scratch / f"test{label}", f"highlight: testing {name}"
            )
            for images, label, chosen, name in zip(
                (self.real, self.fake), (REAL, FAKE), rows, ("real", "fake"), strict=True
            )
        ]

    def _scored(self, tested: np.ndarray, known: Scores) -> Scores:
        """Scores of all generated images: those of the test images are known."""
        others = np.setdiff1d(np.arange(len(self.fake)), tested)
        scorer = Scorer(self.model, self.dtype, self.fake, FAKE, self.asked.seed)
        made = scorer.score(others, self.scratch / "maps", "highlight: mapping fake")
        order = np.argsort(np.concatenate([tested, others]))
        return Scores(*(np.concatenate(both)[order] for both in zip(known, made, strict=True)))
