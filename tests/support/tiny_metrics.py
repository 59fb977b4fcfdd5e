"""Tidy metrics of an imagined run, for the tests of tables."""

import math

from selfrefine.core.names import KINDS, READINGS
from selfrefine.report.tables import table6


def line(variant, metric, value, *, seed=0, network="vgg16_conv5_gap", n_images=100, **interval):
    """One line as evaluate_generation writes it."""
    return {
        "dataset": "shapes",
        "model": "tiny",
        "variant": variant,
        "seed": seed,
        "metric": metric,
        "value": value,
        "low": interval.get("low", math.nan),
        "high": interval.get("high", math.nan),
        "n_images": n_images,
        "n_reference": interval.get("n_reference", 3000),
        "n_features": interval.get("n_features", 512),
        "network": network,
        "sha256": "0" * 64,
    }


def generation(fd, seeds=1):
    """All metrics of rows whose FD to test is `fd[row]` in seed 0, and 1 % more in each later seed."""
    return [
        found
        for seed in range(seeds)
        for network in ("alexnet_conv5_gap", "vgg16_conv5_gap")
        for variant, value in fd.items()
        for found in _row(variant, value * 1.01**seed, math.log(value / fd["baseline"]), seed=seed, network=network)
    ]


def _row(variant, fd, d, **where):
    """One row; AlexNet's FD has an interval, VGG16 has too many features for one."""
    ends = {"low": 0.9 * fd, "high": 1.1 * fd} if where["network"] == "alexnet_conv5_gap" else {}
    yield line(variant, "fd_test", fd, **where, **ends)
    for metric in ("kid_test", "precision", "recall", "clipped_density", "clipped_coverage"):
        yield line(variant, metric, 0.5, **where)
    if variant == "floor":
        return
    yield line(variant, "fd_train", fd, **where)
    yield line(variant, "nearest_in_train", 0.5, **where)
    if variant != "baseline":
        yield line(variant, "fd_test_log_difference", d, **where, low=d - 0.1, high=d + 0.1)


def of_models(models, fd, seeds=1):
    """`generation` for several models; FD of the k-th is (k + 1) times as high."""
    return [
        found | {"model": model}
        for number, model in enumerate(models)
        for found in generation({row: (number + 1.0) * value for row, value in fd.items()}, seeds)
    ]


def highlighter(seeds=1):
    """What evaluate_highlighter writes."""
    planted = [f"hit_{reading}_{kind}" for reading in READINGS for kind in table6.PLANTED]
    planted += [f"chance_{reading}" for reading in READINGS] + [f"evidence_{kind}" for kind in KINDS]
    others = dict.fromkeys(["p_real_gap", "evidence_generated", *planted], 0.5)
    scores = {"accuracy": 0.9, "f1": 0.8, "roc_auc": 0.95} | others
    return [
        line("flaw", metric, value, seed=seed, network="highlighter")
        for seed in range(seeds)
        for metric, value in scores.items()
    ]


def published(table, row, metric, value):
    """One line of paper_values.csv."""
    return {"table": table, "row": row, "dataset": "celeba_hq", "metric": metric, "value": value, "error": math.nan}


PAPER = [
    published("table2", "baseline", "fid", 8.985),
    published("table2", "both", "fid", 8.369),
    published("table6", "tiny", "accuracy", 0.991),
    published("table6", "tiny", "roc_auc", 1.0),
]
ROWS = {
    "datasets": {
        "shapes": {
            "title": "Shapes",
            "stands_for": "celeba_hq",
            "size": 16,
            "main_model": "tiny",
            "models": {"tiny": {"steps": [600, 1500]}},
        },
    },
    "models": {"tiny": {"title": "Tiny DDPM", "self_refining": "both", "home": "shapes"}},
    "highlighters": {"flaw": {"title": "Flaw highlighter"}},
    "variants": {"baseline": {"title": "Baseline"}, "both": {"title": "Forward + reverse"}},
    "samplings": {},
    "masks": {"wide": {"title": "Wide"}},
    "studies": {"garments": {"title": "Which shapes look natural?", "dataset": "shapes", "model": "tiny"}},
}
# Rows of samplings: two second samplers, two untrained controls.
SAMPLINGS = {
    "baseline_ancestral": {"title": "Baseline, ancestral", "of": "baseline", "correction": "none"},
    "both_ancestral": {"title": "Both, ancestral", "of": "both", "correction": "none"},
    "time_shift": {"title": "Clock shifted", "of": "baseline", "map_of": "both", "correction": "time_shift"},
    "kept": {"title": "Map kept", "of": "both", "map_of": "both", "correction": "keep_map"},
}
# Rows of samplings with another scale of the noise: two fixed ones, and two networks at their own best.
NOISE = {
    "baseline_noise": {"title": "Baseline, noise x 1.01", "of": "baseline", "correction": "none", "eps_scale": 1.01},
    "fork_noise": {"title": "Fork, noise x 1.01", "of": "fork", "correction": "none", "eps_scale": 1.01},
    "baseline_best": {"title": "Baseline, best noise", "of": "baseline", "correction": "none", "eps_scale": "best"},
    "both_best": {"title": "Both, best noise", "of": "both", "correction": "none", "eps_scale": "best"},
}


def scales(seeds=1, distances=None):
    """What choose_eps_scale writes of the rows at their own best, of `distances`: row -> scale -> FD, the last fitted.

    In each later seed of `both_best` the fitted scale is chosen no more.
    """
    distances = distances or {
        "baseline_best": {0.98: 12.0, 1.0: 10.0, 1.02: 8.0, 1.04: 9.0, 1.0267: 7.5},
        "both_best": {0.98: 12.0, 1.0: 9.0, 1.02: 8.5, 1.04: 9.5, 1.0167: 8.4},
    }
    names = {"dataset": "shapes", "model": "tiny", "network": "vgg16_conv5_gap", "n_images": 64}
    found = []
    for row, tried in distances.items():
        for seed in range(seeds):
            *_, fitted = tried
            of_seed = tried | ({fitted: 9.0} if seed and row == "both_best" else {})
            best = min(of_seed, key=of_seed.get)
            found += [
                names
                | {"variant": row, "seed": seed, "eps_scale": scale, "fd_train": distance}
                | {"fitted": scale == fitted, "chosen": scale == best}
                for scale, distance in of_seed.items()
            ]
    return found


AGAIN = {"baseline": "baseline_ancestral", "both": "both_ancestral"}
FD = {"baseline": 10.0, "both": 9.0, "fork": 10.5, "floor": 1.0}
