"""Do flaw maps show what people marked in images of others' models? A highlighter learns from some, others test it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from selfrefine.core import devices, files, pixels
from selfrefine.core.job import Job, main
from selfrefine.core.names import FLAW
from selfrefine.core.random_streams import stream
from selfrefine.data import held_out, human_marks
from selfrefine.data.human_marks import COUNTS, Given, HumanMarks
from selfrefine.evidence.human_marks import EDGES, Figures, Maps, measure
from selfrefine.evidence.human_picks import CENTRE
from selfrefine.evidence.pointing_game import cells
from selfrefine.guidance import control_maps
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.data import RealsAndFakes, use_seed
from selfrefine.highlighter.gradcam import cell_evidence, enlarge, minmax
from selfrefine.highlighter.model import FAKE, REAL, Highlighter
from selfrefine.highlighter.training import HighlighterTrainer, Settings, initial_highlighter
from selfrefine.metrics import classification, intervals
from selfrefine.metrics.intervals import Estimate
from selfrefine.report.figures import style
from selfrefine.report.figures.human_marks import marks_figure
from selfrefine.report.tables import human_marks as table

CHUNK = 64  # images held together


@dataclass(frozen=True, kw_only=True)
class Config(Settings, Given):
    """See params.yaml, evaluate_human_marks; contents: digest of the files in all its folders."""

    names: dict[str, str]
    device: str
    precision: str
    contents: str
    real: str
    same_domain: bool
    n_evaluated: int
    n_examples: int
    input_size: int
    shortcut_guard: bool
    seed: int


@dataclass(frozen=True)
class Inputs:
    """VGG16's ImageNet weights; images, marks and photographs lie in folders of the user."""

    weights: Path


@dataclass(frozen=True)
class Outputs:
    """The table as CSV and as page, what became of the records, and the first images that test the map."""

    csv: Path
    md: Path
    counts: Path
    examples: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Trains a highlighter on what is not held out, and holds its maps of the rest against the marks."""
    config, outputs = job.config, job.outputs
    with job.scratch() as scratch, devices.device(config.device) as device:
        dtype = devices.precision(config.precision, device)
        found = human_marks.read(config, scratch, job.label)
        tested, learned = held_out.divide(found, config.n_evaluated, config.seed)
        folder, label = Path(config.real), f"{job.label}: photographs"
        real = held_out.photographs(folder, found, len(learned), config.size, config.seed, label)
        data = RealsAndFakes(real, found.images[learned], config.seed)
        model = initial_highlighter(config.input_size, config.shortcut_guard, job.inputs.weights, config.seed)
        HighlighterTrainer(model.to(device), data, config, dtype).run(scratch / "training", job.label)
        images, marks = found.images[tested], np.stack([marks_of(found, row) for row in tested])
        shown = flaw_cells(model.eval(), images, dtype, config.seed, first=len(learned))
        figures = compared(images, marks, shown, config.seed)
        figures[FLAW]["empty"] = intervals.share_interval(float((shown == 0.0).all(axis=(1, 2)).mean()), len(shown))
        apart, n_apart = told_apart(model, data, dtype)
        figures[table.HIGHLIGHTER] = {"roc_auc": apart}
        counts = pd.DataFrame(found.counts, columns=COUNTS)
        sizes = dict.fromkeys(figures, len(tested)) | {table.HIGHLIGHTER: n_apart}
        lines = table.lines(config.names["human_mark"], config.layout, config.same_domain, figures, sizes)
        files.write_table(outputs.csv, lines)
        files.write_text(outputs.md, table.page(lines, counts))
        files.write_table(outputs.counts, counts)
        first = slice(config.n_examples)
        with style.style():
            drawn = marks_figure(images[first], marks[first], enlarged(shown[first], config.size), job.label)
            files.write_figure(outputs.examples, drawn)


def marks_of(found: HumanMarks, row: int) -> np.ndarray:
    """The marks of an image that has some, (S, S) float32."""
    marks = found.marks[row]
    assert marks is not None, "none without marks is held out"
    return marks.astype(np.float32)


def flaw_cells(model: Highlighter, images: np.ndarray, dtype: torch.dtype, seed: int, first: int) -> np.ndarray:
    """The cells of the flaw maps of images that the highlighter did not learn from, (N, s, s) in [0, 1].

    Args:
        first: the number of the first image's stream of dither, above those of the images that it learned from.
    """
    found = []
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        numbers = range(first + start, first + start + len(chunk))
        streams = [stream(use_seed(seed, "dither_fake"), "highlighter", number) for number in numbers]
        evidence = torch.from_numpy(cell_evidence(model, chunk, streams, dtype))
        found.append(minmax(evidence.relu()).numpy())
    return np.concatenate(found)


def enlarged(shown: np.ndarray, size: int) -> np.ndarray:
    """Cells of maps as pixels, (N, size, size)."""
    return enlarge(torch.from_numpy(shown), size).numpy()


def compared(images: np.ndarray, marks: np.ndarray, shown: np.ndarray, seed: int) -> Figures:
    """The flaw maps and those that need no highlighter against the marks: `evidence.human_marks.measure`."""
    size, side = images.shape[1], shown.shape[1]

    def maps(of_pixels: np.ndarray) -> Maps:
        return Maps(cells(of_pixels, side), of_pixels.reshape(len(of_pixels), -1))

    flaw = Maps(shown.reshape(len(shown), -1), enlarged(shown, size).reshape(len(shown), -1))
    parts = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    edges = [control_maps.single_edges(pixels.quantise(pixels.to_float(part))).numpy() for part in parts]
    centre = np.broadcast_to(control_maps.gaussian_center(size).numpy(), marks.shape)
    others = {CENTRE: maps(centre), EDGES: maps(np.concatenate(edges))}
    return measure(flaw, others, maps(marks), seed)


def told_apart(model: Highlighter, data: RealsAndFakes, dtype: torch.dtype) -> tuple[Estimate, int]:
    """ROC-AUC of the highlighter on images of either kind that it never saw, and how many these are."""
    p_real: list[np.ndarray] = []
    for label in (REAL, FAKE):
        batches = data.pieces("test", label, CHUNK)
        logits = [highlighter_model.classify(model, batch.images, batch.streams, dtype) for batch in batches]
        p_real.append(torch.cat(logits).cpu().double().softmax(dim=1)[:, REAL].numpy())
    real, fake = p_real
    return classification.measure(real, fake, data.seed)["roc_auc"], len(real) + len(fake)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
