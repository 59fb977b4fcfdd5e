"""Runs of train_refined and read-outs of an imagined experiment, for the tests of tables."""

import math
from typing import NamedTuple

import pandas as pd

from tests.support.tiny_metrics import line

REFRESHES = ["step", "mean", "std", "mfam_mean", "mfam_std", "r_mfam", "r_first"]

PLAIN = {
    "forward": "none",
    "reverse": "none",
    "map": "mfam",
    "match": False,
    "gamma": 0.0,
    "forward_weight": 0.01,
    "reverse_weight": 0.025,
    "map_images": 64,
}
BOTH = PLAIN | {"forward": "xt", "reverse": "kv"}
# Variant -> its leaves of train_refined.
VARIANTS = {
    "baseline": PLAIN,
    "forward": BOTH | {"reverse": "none"},
    "both": BOTH,
    "uniform": BOTH | {"map": "uniform"},
    "cells": BOTH | {"map": "cells"},
    "real_map": BOTH | {"map": "real_map"},
    "real_map_matched": BOTH | {"map": "real_map", "match": True},
    "edge": BOTH | {"map": "edge"},
    "edge_matched": BOTH | {"map": "edge", "match": True},
    "ddpm_ip": PLAIN | {"gamma": 0.1},
}
# Map -> mean, std, r with the mFAM.
MAPS = {
    "mfam": (0.4, 0.2, 1.0),
    "uniform": (0.4, 0.0, math.nan),
    "cells": (0.4, 0.2, 0.1),
    "real_map": (0.6, 0.1, 0.8),
    "edge": (0.1, 0.3, -0.2),
}


class Refined(NamedTuple):
    """A run of train_refined: its config.json and its refreshes.csv."""

    config: dict
    refreshes: pd.DataFrame

    def named(self, **names):
        """The same run of another data set, model, variant or seed."""
        return Refined(self.config | {"names": self.config["names"] | names}, self.refreshes)


def refreshes(lines):
    """A table as train_refined writes it."""
    return pd.DataFrame(lines, columns=REFRESHES)


def refined(variants, seeds=1):
    """Runs with two refreshes each; none for the variants without a map."""
    return [
        Refined(VARIANTS[variant] | {"names": _names(variant, seed)}, _refreshes(VARIANTS[variant]))
        for variant in variants
        for seed in range(seeds)
    ]


def _names(variant, seed):
    return {"dataset": "shapes", "model": "tiny", "variant": variant, "seed": str(seed)}


def _refreshes(config):
    if (config["forward"], config["reverse"]) == ("none", "none"):
        return refreshes([])
    mean, std, r = MAPS[config["map"]]
    if config["match"]:
        mean, std, _ = MAPS["mfam"]
    others = {"std": std, "mfam_mean": 0.4, "mfam_std": 0.2, "r_mfam": r, "r_first": r}
    return refreshes([{"step": 600 + 25 * k, "mean": mean + 0.02 * k - 0.01, **others} for k in range(2)])


def readouts(variants, seeds=1):
    """What evaluate_readouts writes: no line for the reference."""
    return [
        line(variant, metric, value, seed=seed, network=network, low=value - 0.002, high=value + 0.002)
        for seed in range(seeds)
        for variant in variants
        if variant != "baseline"
        for metric, value, network in (
            ("mechanism_slope", -0.009, "diffusion"),
            ("place_log_ratio", 0.03, "vgg16_conv2_2"),
            ("critic_logit", -0.05, "highlighter"),
        )
    ]
