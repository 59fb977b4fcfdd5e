"""Every figure of a large experiment: many arms of six seeds on the first data set, few of three on four others."""

import dataclasses
import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from selfrefine.params import strict_yaml
from selfrefine.report.figures import (
    dose_response,
    figure4_figure5_samples,
    figure6_prompts,
    figure7_inpainting,
    figure8_flaw_maps,
    figure9_study,
    forest_plot,
    map_correlations,
    planted_flaws,
    planted_sizes,
    refinement_curves,
    sweep,
)
from selfrefine.report.results import Results, tidy
from selfrefine.report.tables import dose_response as strengths
from selfrefine.report.tables import map_validity, table6
from selfrefine.report.tables import sweep as sweep_table
from tests.support import tiny_picks, tiny_planted, tiny_sweep
from tests.support.project import ROOT
from tests.support.tiny_figures import images, maps
from tests.support.tiny_metrics import FD, ROWS, generation
from tests.support.tiny_results import SECTIONS, tiny_results

PARAMS = strict_yaml.read(ROOT / "params.yaml")
ARMS = [
    *("forward", "reverse", "both", "gaussian_center", "gaussian_inverted", "edge", "uniform", "cells"),
    *("real_map_matched", "frozen", "mfam_inverted", "ddpm_ip", "both_cycle_10", "forward_100", "reverse_100"),
]
TITLES = {name: PARAMS["variants"][name]["title"] for name in ("baseline", *ARMS)}
PLACES = {  # data set and its main model -> seeds, arms
    ("fashion_mnist", "ddpm"): (6, ARMS),
    ("fashion_mnist_tops", "ddpm"): (3, ARMS[:3]),
    ("fashion_mnist_shoes", "ddpm"): (3, ["both"]),
    ("fashion_mnist_32", "ldm"): (3, ["reverse"]),
    ("fashion_mnist_captions", "stable_diffusion"): (3, ["reverse"]),
}
STRENGTHS = {"forward": (0.0045, 0.0), "reverse": (0.0, 0.011), "forward_100": (0.045, 0.0), "edge": (0.002, 0.005)}
DIRECT = ("uniform", "cells", "real_map_matched")  # what the first data set's `both` is compared with, too
SCALE = "Experiment embedded: Stable Diffusion, seed 0."
CAPTION = f"{SCALE} Fashion-MNIST with captions at 32 px, 400 + 100 steps."


def results() -> Results:
    """With the titles of params.yaml."""
    rows = {section: {name: {"title": row["title"]} for name, row in PARAMS[section].items()} for section in SECTIONS}
    for dataset, model in PLACES:
        rows["datasets"][dataset]["main_model"] = model
    return dataclasses.replace(tiny_results(generation(FD), rows=ROWS), rows=rows, experiment="embedded")


def controls() -> pd.DataFrame:
    """Lines as of controls.csv and strength.csv together."""
    draws, lines = np.random.default_rng(0), []
    for (dataset, model), (seeds, arms) in PLACES.items():
        direct = [("both", other) for other in DIRECT] if arms is ARMS else []
        for network in ("vgg16_conv5_gap", "alexnet_conv5_gap"):
            for row, reference in [*((arm, "baseline") for arm in arms), *direct]:
                forward, reverse = STRENGTHS.get(row, (0.0045, 0.011))
                found = 10.0 * forward - 0.2 * reverse + 0.012 * draws.standard_normal(seeds)
                mean, error = found.mean(), 2.6 * found.std(ddof=1) / math.sqrt(seeds)
                near = 0.02 if reference == "baseline" else math.nan
                lines.append(
                    {"dataset": dataset, "model": model, "network": network, "row": row, "reference": reference}
                    | {"divisor": 1, "kind": "exploratory"}
                    | {"difference": mean, "low": mean - error, "high": mean + error}
                    | {"image_low": mean - near, "image_high": mean + near, "n_seeds": seeds, "scale": "Words"}
                    | {"by_seed": " ".join(f"{seed}:{value:.5f}" for seed, value in enumerate(found))}
                    | {"forward_strength": forward, "reverse_strength": reverse, "map_mean": 0.45, "map_std": 0.2}
                    | {
                        "process": {(True, True): "both", (True, False): "forward"}.get(
                            (forward > 0, reverse > 0), "reverse"
                        )
                    }
                )
    return pd.DataFrame(lines)


def _strength() -> Figure:
    table = controls()
    return dose_response.strength_figure(table[table["reference"] == "baseline"][strengths.COLUMNS], results())


def _sweep() -> Figure:
    ratios = [tiny_sweep.run(row, "short", seed) for row in ("baseline", "both") for seed in (0, 1)]
    cycles = [tiny_sweep.run(row, seed=seed) for row in tiny_sweep.CYCLES for seed in (0, 1)]
    found = tiny_sweep.sweep_results([*tiny_sweep.RUNS, *cycles, *ratios])
    return sweep.sweep_figure(sweep_table.lines(found), found)


def _samples(*rows: str) -> dict[str, np.ndarray]:
    return {row: images(8, seed=number) for number, row in enumerate(("Photographs", "Baseline", *rows))}


def _all_samples() -> Figure:
    few = _samples(TITLES["both"])
    blocks = {"Fashion-MNIST": _samples(*(TITLES[arm] for arm in ARMS)), "Fashion-MNIST, tops": few}
    return figure4_figure5_samples.samples_figure(blocks, "Baseline", SCALE)


def _families() -> Figure:
    blocks = {"Fashion-MNIST": {"Photographs": images(8)}}
    for name in ("Improved DDPM", "Stable Diffusion"):
        rows = {"Baseline": images(8), "Forward + reverse": images(8)}
        blocks[f"{name}: Fashion-MNIST with captions at 32 px, 400 + 100 steps"] = rows
    return figure4_figure5_samples.families_figure(blocks, "Experiment embedded, seed 0.")


def _prompts() -> Figure:
    words = [
        "an ankle boot",
        "a trouser on a black background",
        "one trouser, photographed alone",
        "a grey picture",
    ] * 2
    return figure6_prompts.prompt_figure({"Baseline": images(8), "Reverse": images(8)}, words, CAPTION)


def _inpainting() -> Figure:
    masks = 255 * np.random.default_rng(0).integers(0, 2, (8, 16, 16), dtype=np.uint8)
    rows = {"Baseline": images(8), "Forward + reverse": images(8)}
    blocks = {title: figure7_inpainting.Block(masks, rows) for title in ("Wide", "Narrow", "Alternating lines")}
    return figure7_inpainting.inpainting_figure(images(8), blocks, CAPTION)


def _planted() -> Figure:
    masks = np.pad(np.ones((8, 8, 8), np.float32), ((0, 0), (3, 5), (5, 3)))
    return planted_flaws.planted_flaws_figure(images(8), maps(8, 4), masks, CAPTION)


def _planted_sizes() -> Figure:
    shares = (0.25, 0.5, 0.75)
    parts = [
        tiny_planted.lines(dataset, model, range(seeds), 24, shares) for (dataset, model), (seeds, _) in PLACES.items()
    ]
    found = dataclasses.replace(
        results(), metrics=tidy([pd.DataFrame([line for part in parts for line in part]).assign(stage="highlighter")])
    )
    return planted_sizes.sizes_figure(table6.lines(found), found)


def _correlations() -> Figure:
    names = list(map_validity.TITLES)[:6]
    pairs = [(one, other) for place, one in enumerate(names) for other in names[:place]]
    lines = [{"one": one, "other": other, "r": -0.51, "low": -0.62, "high": -0.4} for one, other in pairs]
    shown = dict(zip(names, maps(len(names)), strict=True))
    return map_correlations.correlation_figure(lines, shown, map_validity.TITLES, CAPTION)


def _refreshes() -> Figure:
    found, tables = {}, {}
    for arm in ARMS:
        count = {"both_cycle_10": 10, "ddpm_ip": 0}.get(arm, 5)
        found[TITLES[arm]] = maps(count)
        steps = {"step": 400 + 100 // max(count, 1) * np.arange(count), "mean": 0.5, "std": 0.1, "kept": 1}
        tables[TITLES[arm]] = pd.DataFrame(steps)
    return refinement_curves.refreshes_figure(found, tables, CAPTION, [TITLES[arm] for arm in ARMS[3:]])


def _losses() -> Figure:
    base = pd.DataFrame({"step": np.arange(10, 401, 10), "loss": np.linspace(0.5, 0.05, 40)})
    apart = {title: 0.01 if "weight" in title else 1e-4 * number for number, title in enumerate(TITLES.values())}
    steps = {"step": np.arange(410, 501, 10)}
    refined = {title: pd.DataFrame(steps | {"loss": 0.05 + size}) for title, size in apart.items()}
    return refinement_curves.loss_figure(base, refined, CAPTION, [TITLES[arm] for arm in ARMS[3:]])


FIGURES = {
    "forest": lambda: forest_plot.forest_figure(controls(), results()),
    "strength": _strength,
    "sweep": _sweep,
    "figure4": lambda: figure4_figure5_samples.processes_figure(
        _samples("Forward", "Reverse", "Forward + reverse"), "Baseline", "Fashion-MNIST", SCALE
    ),
    "figure4_all": _all_samples,
    "figure5": _families,
    "figure6": _prompts,
    "figure7": _inpainting,
    "figure8": lambda: figure8_flaw_maps.flaw_maps_figure(images(8), maps(8, 64), CAPTION, maps(8, 4)),
    "figure9": lambda: figure9_study.study_figure(images(8), tiny_picks.cells(8, 8), maps(8, 8), CAPTION, 15),
    "figure9_trials": lambda: figure9_study.study_figure(images(8), tiny_picks.cells(8, 4), None, CAPTION),
    "planted": _planted,
    "planted_sizes": _planted_sizes,
    "maps": _correlations,
    "mfam": _refreshes,
    "loss": _losses,
}


def words(figure: Figure) -> list[Text]:
    """All words that are drawn, once each; those of ticks outside their axis are not."""
    figure.draw_without_rendering()
    outside = {
        id(label)
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    found = {id(text): text for text in figure.findobj(Text)}
    return [
        text for key, text in found.items() if key not in outside and text.get_visible() and text.get_text().strip()
    ]


def faults(figure: Figure) -> list[str]:
    """What a reader would stumble over: words on other words, and words that are cut."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in words(figure)]
    width, height = figure.bbox.width, figure.bbox.height
    cut = [
        f"cut: {text!r}"
        for text, box in boxes
        if min(box.x0, box.y0) < -1.0 or box.x1 > width + 1.0 or box.y1 > height + 1.0
    ]
    on_others = [
        f"{one!r} on {other!r}"
        for place, (one, here) in enumerate(boxes)
        for other, there in boxes[:place]
        if min(here.x1, there.x1) - max(here.x0, there.x0) > 1.0
        and min(here.y1, there.y1) - max(here.y0, there.y0) > 1.0
    ]
    return cut + on_others
