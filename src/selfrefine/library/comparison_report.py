"""The page of a comparison, for a browser, which needs nothing beside it, and as Markdown with its picture."""

import base64
import html
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from selfrefine.core import files
from selfrefine.library.comparison import BASELINE, REFINED, START, Comparison
from selfrefine.metrics.intervals import CONFIDENCE, Estimate
from selfrefine.report.figures.figure8_flaw_maps import FLAW_COLOURS
from selfrefine.report.figures.style import Strip, strips_figure, style

TITLE = "Refined, and trained on as long without maps"
PROVES_NOTHING = (
    "One training run proves nothing: another seed gives other numbers, and often another winner. The intervals are "
    "over images of these two models, not over trainings. To know, run the command with several --seed and compare."
)
NAMES = {
    START: "The pipeline you gave",
    BASELINE: "Trained on without maps (baseline)",
    REFINED: "Refined with flaw maps",
}
CELL, ABOVE = 0.85, 1.1  # inches
PICTURE = "report.png"


def write(folder: Path, found: Comparison, settings: Mapping[str, object]) -> None:
    """Writes report.html, report.md and report.png.

    Args:
        folder: of the run.
        found: what it found.
        settings: numbers of the run, by name.
    """
    with style():
        figure = _figure(found)
        files.write_figure(folder / PICTURE, figure)
    picture = files.read_bytes(folder / PICTURE)
    rows = _rows(found)
    files.write_text(folder / "report.md", _markdown(rows, found, settings))
    files.write_text(folder / "report.html", _html(rows, found, settings, picture))


def _figure(found: Comparison) -> Figure:
    """Images of the three models from the same noise, their flaw maps, and the mean maps of the refinement."""
    strips = []
    for name, title in NAMES.items():
        heat = np.asarray(mpl.colormaps[FLAW_COLOURS](found.maps[name])[..., :3])
        strips += [Strip(title, found.images[name]), Strip("its flaw maps", heat, gap=0.15)]
    if len(found.mean_maps):
        blank = np.ones((len(found.images[START]), *found.mean_maps.shape[1:], 3))
        blank[: len(found.mean_maps)] = mpl.colormaps[FLAW_COLOURS](found.mean_maps)[..., :3]
        ends = ("first", "last", *[""] * (len(blank) - 2))[: len(blank)]
        strips.append(Strip("Mean flaw map of the refinement, before and after", blank, columns=ends))
    caption = (
        f"The first {len(found.images[START])} images of each model, not picked; those of a column come from the same "
        "noise. Flaw maps are Grad-CAM of one highlighter, which was trained on images of the pipeline you gave: each "
        "from 0, blue, to 1, red, within itself, so that colours of two images do not compare."
    )
    return strips_figure(TITLE, strips, CELL, ABOVE, caption)


def _rows(found: Comparison) -> list[tuple[str, str, str]]:
    """Model, FD, kernel distance, in words."""
    return [
        (NAMES[name], _words(found.distances[name]), _words(found.kernel_distances[name]))
        for name in (BASELINE, REFINED)
    ]


def _words(estimate: Estimate) -> str:
    if np.isnan(estimate.low):
        return f"{estimate.value:.4g} (too few images for an interval)"
    return f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g})"


def _sentences(found: Comparison) -> list[str]:
    """What the numbers are and what they say."""
    share = f"{CONFIDENCE:.0%}"
    measured = (
        f"FD and kernel distance (lower is better) of {found.n_images} images of each model to your "
        f"{found.n_photographs} images, on which both were trained, by features of AlexNet's last convolution; in "
        f"brackets the {share} interval over images. Image i of both comes from the same noise."
    )
    difference = found.difference
    if np.isnan(difference.value):
        verdict = "The two do not compare: one distance is 0 or no number."
    else:
        change = f"log FD(refined) - log FD(baseline) = {_words(difference)}; below 0 speaks for the refined one."
        if np.isnan(difference.low):
            verdict = f"{change} There are too few images to tell chance from a difference of these two models."
        elif difference.low <= 0.0 <= difference.high:
            verdict = f"{change} The images do not tell the two models apart."
        else:
            better = "refined" if difference.high < 0.0 else "baseline"
            verdict = f"{change} Of these two models the {better} one is closer to your images."
    return [measured, verdict, *([f"Of the maps: {found.doubt}."] if found.doubt else [])]


def _markdown(rows: list[tuple[str, str, str]], found: Comparison, settings: Mapping[str, object]) -> str:
    table = ["| model | FD | kernel distance |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    numbers = ["| setting | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in settings.items())]
    parts = [
        f"# {TITLE}",
        f"**{PROVES_NOTHING}**",
        "\n".join(table),
        *_sentences(found),
        f"![images and flaw maps]({PICTURE})",
        "\n".join(numbers),
    ]
    return "\n\n".join(parts) + "\n"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse;margin:1rem 0}}td,th{{border:1px solid #bbb;padding:.3rem .6rem;text-align:left}}
img{{max-width:100%}}.warning{{border-left:4px solid #d55e00;padding:.5rem 1rem;background:#fff4ec}}</style></head>
<body><h1>{title}</h1>
<p class="warning">{warning}</p>
<table><tr><th>model</th><th>FD</th><th>kernel distance</th></tr>{rows}</table>
{sentences}
<p><img alt="Images and flaw maps of the three models" src="data:image/png;base64,{picture}"></p>
<h2>Settings</h2><table><tr><th>setting</th><th>value</th></tr>{settings}</table>
</body></html>
"""


def _html(rows: list[tuple[str, str, str]], found: Comparison, settings: Mapping[str, object], picture: bytes) -> str:
    def cells(*values: object) -> str:
        return "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in values) + "</tr>"

    return PAGE.format(
        title=html.escape(TITLE),
        warning=html.escape(PROVES_NOTHING),
        rows="".join(cells(*row) for row in rows),
        sentences="".join(f"<p>{html.escape(text)}</p>" for text in _sentences(found)),
        picture=base64.b64encode(picture).decode(),
        settings="".join(cells(*pair) for pair in settings.items()),
    )
