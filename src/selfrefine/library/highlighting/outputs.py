"""What a run leaves: figures, and of folders that can be told apart the highlighter, scores, maps, pictures, a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from selfrefine.core import files
from selfrefine.core.progress import Progress
from selfrefine.highlighter.model import Highlighter
from selfrefine.library.highlighting import page, pictures, scoring
from selfrefine.library.highlighting.figures import p_fake
from selfrefine.library.highlighting.highlighted import Highlighted
from selfrefine.library.highlighting.mirror import Mirror
from selfrefine.library.highlighting.scoring import Scores

HIGHLIGHTER, RECORD = "highlighter.safetensors", "highlighter.json"
TOGETHER = 32  # images that are drawn before others are read


def write_figures(folder: Path, found: Highlighted, n_images: int) -> None:
    """metrics.csv: a line for each figure and each check."""
    named = dict(found.figures) | {f"{each.check}_roc_auc": each.roc_auc for each in found.shortcuts}
    rows = [{"metric": name, **vars(estimate), "n_images": n_images} for name, estimate in named.items()]
    table = pd.DataFrame(rows, columns=["metric", "value", "low", "high", "n_images"])
    files.write_table(folder / "metrics.csv", table)


def write_report(folder: Path, found: Highlighted, n_images: int) -> None:
    """What there is to say of folders that cannot be told apart."""
    write_figures(folder, found, n_images)
    files.write_text(folder / "index.html", page.render(found, []))


def write_all(
    folder: Path,
    found: Highlighted,
    n_images: int,
    model: Highlighter,
    record: Mapping[str, Any],
    fake: Mirror,
    scores: Scores,
    parts: Sequence[str],
) -> None:
    """Everything of folders that can be told apart.

    Args:
        folder: an empty one that nobody sees yet.
        found: figures, checks, sentences.
        n_images: test images.
        model: the highlighter.
        record: how it was trained.
        fake: the generated images.
        scores: of each of them, in their order.
        parts: in which part each is.
    """
    write_figures(folder, found, n_images)
    model.save(folder / HIGHLIGHTER)
    files.write_json(folder / RECORD, record)
    order = np.lexsort((np.arange(len(fake)), -scores.logits))
    names = [pictures.file_name(rank, fake.names[row]) for rank, row in enumerate(order, 1)]
    small = _write_pictures(folder, fake, scores, order, names, model.input_size)
    table = pd.DataFrame(
        {
            "file": [fake.names[row] for row in order],
            "p_fake": p_fake(scores.logits[order]),
            "logit": scores.logits[order].astype(np.float64),
            "part": [parts[row] for row in order],
            "overlay": [f"overlays/{name}.png" for name in names],
        }
    )
    files.write_table(folder / "scores.csv", table)
    files.write_text(folder / "index.html", page.render(found, page.cards(table, names, small)))


def _write_pictures(
    folder: Path, fake: Mirror, scores: Scores, order: np.ndarray, names: Sequence[str], size: int
) -> list[tuple[str, str]]:
    """maps.npy, and of each image its picture and its overlay; returns both, small, of the first ones."""
    for kind in ("images", "overlays"):
        (folder / kind).mkdir()
    half, small = np.dtype(np.float16), list[tuple[str, str]]()
    header = {"descr": half.str, "fortran_order": False, "shape": (len(order), size, size)}
    with (
        open(folder / "maps.npy", "wb") as stream,
        Progress("highlight: drawing", len(order), unit="image") as progress,
    ):
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, len(order), TOGETHER):
            rows = order[start : start + TOGETHER]
            images, maps = fake[rows], scoring.maps(scores.evidence[rows], size)
            stream.write(maps.astype(half).tobytes())
            overlays = pictures.overlaid(images, maps)
            for name, image, overlay in zip(names[start:], images, overlays, strict=False):
                pictures.write(folder / "images" / f"{name}.jpg", image)
                pictures.write(folder / "overlays" / f"{name}.png", overlay)
                if len(small) < page.EMBEDDED:
                    small.append((pictures.small(image), pictures.small(overlay)))
            progress.update(start + len(rows))
    return small
