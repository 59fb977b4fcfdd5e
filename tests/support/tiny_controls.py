"""An imagined experiment with every kind of control, for the tests of contrasts and of what is drawn of them."""

import dataclasses

from tests.support.tiny_metrics import AGAIN, FD, ROWS, SAMPLINGS, generation
from tests.support.tiny_refined import readouts, refined
from tests.support.tiny_results import JUDGEMENT, tiny_results, titled

CONTROLS = ["baseline", "forward", "both", "uniform", "cells", "real_map_matched", "ddpm_ip"]
FIGURES = FD | {"forward": 9.8, "uniform": 9.5, "cells": 9.6, "real_map_matched": 9.7, "ddpm_ip": 10.1}
FIGURES |= {"baseline_ancestral": 10.2, "both_ancestral": 9.9, "time_shift": 9.9, "kept": 9.3}


def control_results(variants=CONTROLS, seeds=1, confirmatory=(), runs=None, samplings=None, metrics=(), **figures):
    """Results of FD as in FIGURES; with `samplings`, the rows of SAMPLINGS are measured, too."""
    samplings = samplings or {}
    measured = {row: (FIGURES | figures)[row] for row in (*variants, *samplings, "fork", "floor")}
    names = titled({name: name.capitalize() for name in CONTROLS})
    judgement = dataclasses.replace(JUDGEMENT, confirmatory=confirmatory, second_sampler=AGAIN if samplings else {})
    shoes = ROWS["datasets"]["shapes"] | {"title": "Shoes"}
    rows = ROWS | {"variants": names, "samplings": samplings, "datasets": ROWS["datasets"] | {"shoes": shoes}}
    return tiny_results(
        [*generation(measured, seeds), *metrics],
        refined(variants, seeds) if runs is None else runs,
        rows=rows,
        judgement=judgement,
        select={"variants": list(variants)},
        readouts=readouts(variants, seeds),
    )


def sampled_results(variants, seeds, **figures):
    """Results with second samplers and untrained controls."""
    return control_results(variants, seeds, samplings=SAMPLINGS, **figures)
