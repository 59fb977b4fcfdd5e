"""An imagined experiment with every kind of control, for the tests of contrasts and of what is drawn of them."""

import dataclasses

from selfrefine.metrics import contrasts
from tests.support.tiny_metrics import FD, NOISE, ROWS, SAMPLINGS, generation, scales
from tests.support.tiny_refined import readouts, refined
from tests.support.tiny_results import JUDGEMENT, tiny_results, titled

CONTROLS = ["baseline", "forward", "both", "uniform", "cells", "real_map_matched", "ddpm_ip"]
FIGURES = FD | {"forward": 9.8, "uniform": 9.5, "cells": 9.6, "real_map_matched": 9.7, "ddpm_ip": 10.1}
FIGURES |= {"baseline_ancestral": 10.2, "both_ancestral": 9.9, "time_shift": 9.9, "kept": 9.3}
FIGURES |= {"baseline_noise": 8.5, "fork_noise": 8.9, "baseline_best": 8.0, "both_best": 8.1}


def control_results(
    variants=CONTROLS, seeds=1, confirmatory=(), runs=None, samplings=None, metrics=(), tried=(), **figures
):
    """Results of FD as in FIGURES; with `samplings` those rows are measured, too; `tried` scales of the noise."""
    samplings = samplings or {}
    measured = {row: (FIGURES | figures)[row] for row in (*variants, *samplings, "fork", "floor")}
    names = titled({name: name.capitalize() for name in CONTROLS})
    judgement = dataclasses.replace(
        JUDGEMENT,
        confirmatory=confirmatory,
        second_sampler=contrasts.second_samplers(samplings),
        best_scale=contrasts.best_scales(samplings),
    )
    shoes = ROWS["datasets"]["shapes"] | {"title": "Shoes"}
    rows = ROWS | {"variants": names, "samplings": samplings, "datasets": ROWS["datasets"] | {"shoes": shoes}}
    return tiny_results(
        [*generation(measured, seeds), *metrics],
        refined(variants, seeds) if runs is None else runs,
        rows=rows,
        judgement=judgement,
        select={"variants": list(variants)},
        readouts=readouts(variants, seeds),
        scales=tried,
    )


def sampled_results(variants, seeds, **figures):
    """Results with second samplers and untrained controls."""
    return control_results(variants, seeds, samplings=SAMPLINGS, **figures)


def scaled_results(seeds, variants=("baseline", "forward", "both"), tried=None, **figures):
    """Results with other scales of the noise."""
    tried = scales(seeds) if tried is None else tried
    return control_results(list(variants), seeds, samplings=NOISE, tried=tried, **figures)
