"""The tables of an imagined run, made by the code that makes those of a real one, for the tests of its summary."""

import copy
import dataclasses
import io
import math

import pandas as pd

from selfrefine.metrics.contrasts import best_scales
from selfrefine.report.summary.run import Run
from selfrefine.report.tables import autoencoders, dose_response
from selfrefine.report.tables.every_table import TABLES
from tests.support import tiny_maps, tiny_picks
from tests.support.tiny_metrics import AGAIN, NOISE, PAPER, ROWS, SAMPLINGS, generation, highlighter, published
from tests.support.tiny_refined import readouts, refined
from tests.support.tiny_results import JUDGEMENT, tiny_results, titled
from tests.support.tiny_stage_metrics import inpainting_metrics, prompt_metrics, round_trip_metrics

VARIANTS = ["baseline", "forward", "both", "uniform", "cells", "real_map_matched"]
PROCESSES = ("forward", "reverse", "both")
SPREAD = (0.01, -0.01, 0.004, -0.004, 0.007, -0.007)  # of a difference over seeds; their mean is 0
PRINTED = [*PAPER, published("table2", "forward", "fid", 8.514), published("table3", "both", "fid", 9.0)]
NO_CHANGE = {"forward": 0.0, "both": 0.0, "uniform": 0.0, "cells": 0.0, "real_map_matched": 0.0, "fork": 0.0}


def metrics(differences, seeds):
    """Generated images whose log FD differs from the baseline's by `differences[row]` and, seed by seed, by SPREAD."""
    found = []
    for seed in range(seeds):
        distances = {"baseline": 10.0, "floor": 1.0}
        for number, (row, difference) in enumerate(differences.items()):
            spread = SPREAD[(seed + number) % len(SPREAD)] if seeds > 1 else 0.0
            distances[row] = 10.0 * math.exp(difference + spread)
        found += [line | {"seed": seed} for line in generation(distances)]
    return found


def tiny_run(seeds=6, variants=VARIANTS, samplings=(), confirmatory=(), printed=PRINTED, people=None, **differences):
    """A run whose rows differ from the baseline by NO_CHANGE, or by `differences` of log FD."""
    rows = {name: (SAMPLINGS | NOISE)[name] for name in samplings}
    kept = {
        row: (NO_CHANGE | differences).get(row, 0.0) for row in (*variants, *samplings, "fork") if row != "baseline"
    }
    words = copy.deepcopy(ROWS) | {
        "variants": titled({name: name.capitalize() for name in variants}),
        "samplings": rows,
    }
    words["models"]["tiny"]["in_place_of"] = "ddpm"
    words["highlighters"] = titled({"flaw": "Flaw highlighter", "second": "Second highlighter"})
    select = {section: list(section_rows) for section, section_rows in words.items()} | {"seeds": list(range(seeds))}
    again = AGAIN if "both_ancestral" in samplings else {}
    judgement = dataclasses.replace(
        JUDGEMENT, confirmatory=confirmatory, second_sampler=again, best_scale=best_scales(rows)
    )
    results = tiny_results(
        metrics(kept, seeds),
        refined(variants, seeds),
        rows=words,
        paper=printed,
        judgement=judgement,
        select=select,
        readouts=readouts(variants, seeds),
        highlighter=highlighter(seeds),
        correlations=tiny_maps.correlations(seeds),
        maps=tiny_maps.metrics(seeds),
        inpainting=inpainting_metrics(range(seeds)),
        prompts=prompt_metrics(range(seeds)),
        round_trips=round_trip_metrics(31.0, model="tiny"),
        studies=() if people is None else tiny_picks.metrics(people),
        autoencoders=[
            (
                {"names": {"dataset": "shapes", "model": "tiny"}, "folder": ""},
                {"_class_name": "AutoencoderKL", "block_out_channels": [8, 16], "latent_channels": 3},
            )
        ],
    )
    tables = {name: lines(results) for name, (lines, _) in TABLES.items()}
    tables["autoencoder"] = autoencoders.lines(results)
    tables["strength"] = dose_response.lines(tables["controls"], results)
    return Run(
        tables={name: as_written(table) for name, table in tables.items()},
        processes=PROCESSES,
        experiment="smoke",
        select=select,
        rows=words,
        reference=judgement.reference,
        primary_network=judgement.primary_network,
        equivalence_margin=judgement.equivalence_margin,
        minimum_seeds=judgement.minimum_seeds,
    )


def as_written(table):
    """A table as it is read from its CSV."""
    return pd.read_csv(io.StringIO(table.to_csv(index=False, float_format="%.9g")))


def changed(run, table, change, **where):
    """The run with other values in the lines of a table that have those of `where`."""
    lines = run.tables[table].copy()
    chosen = pd.Series(True, lines.index)
    for column, value in where.items():
        chosen &= lines[column] == value
    assert chosen.any(), where
    for column, value in change.items():
        lines[column] = lines[column].astype(object).where(~chosen, value)
    return dataclasses.replace(run, tables={**run.tables, table: lines})


def without(run, table, **where):
    """The run without the lines of a table that have these values; without any, an empty table."""
    lines = run.tables[table]
    chosen = pd.Series(True, lines.index)
    for column, value in where.items():
        chosen &= lines[column] == value
    assert chosen.any(), where
    return dataclasses.replace(run, tables={**run.tables, table: lines[~chosen]})
