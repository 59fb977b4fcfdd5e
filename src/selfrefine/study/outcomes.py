"""From the answers of a study to its figures: who counts, and what they picked of each kind of image (method 12)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selfrefine.core.names import FLAW, PHOTOGRAPHS
from selfrefine.evidence import exclusions, human_picks, rater_agreement
from selfrefine.evidence.exclusions import CatchRule
from selfrefine.evidence.human_picks import Estimates, Picks
from selfrefine.metrics.intervals import Estimate
from selfrefine.study.folder import Key

PEOPLE = "people"  # the row of figures that are of no map


@dataclass(frozen=True)
class Counts:
    """What stands behind the figures: generated images, people whose answers count, their answers for these images."""

    n_images: int
    n_participants: int
    n_answers: int


@dataclass(frozen=True)
class Outcome:
    """The figures of a study.

    Args:
        estimates: map, or PEOPLE, or PHOTOGRAPHS -> metric -> figure; without answers those of chance alone.
        counts: what stands behind them.
        rates: (images, grid, grid), the share of people who picked each cell; NaN without answers.
    """

    estimates: Estimates
    counts: Counts
    rates: np.ndarray


def measure(answers: pd.DataFrame, key: Key, maps: Mapping[str, np.ndarray], rule: CatchRule, *, seed: int) -> Outcome:
    """Leaves out who did not look, and compares the picks of the others with the maps.

    Args:
        answers: from `answers.read`, perhaps none.
        key: what each trial is.
        maps: from `folder.read_maps`, with the ids of their rows as `trials`.
        rule: when a participant has looked.
        seed: of the bootstrap.
    """
    grids = {name: cells for name, cells in maps.items() if name != "trials"}
    count, grid = grids[FLAW].shape[:2]
    rows = {str(trial): row for row, trial in enumerate(maps["trials"])}
    rows |= {name: rows[trial.repeats] for name, trial in key.trials.items() if trial.repeats is not None}
    for kind in ("catch", "real"):
        rows |= {name: row for row, name in enumerate(_of_kind(key, kind))}
    people = {name: number for number, name in enumerate(sorted(answers["participant"].unique()))}
    numbered = answers.assign(participant=answers["participant"].map(people), row=answers["trial"].map(rows))
    left_out = _left_out(numbered, key, grid**2, rule)
    kept = numbered[~numbered["participant"].isin(left_out)]
    shown = {kind: _picks(kept, key, kind) for kind in ("generated", "repeat", "real")}
    picks = shown["generated"]
    counts = Counts(count, kept["participant"].nunique(), len(picks))
    rates = human_picks.pick_rates(picks, count, grid**2).reshape(-1, grid, grid)
    numbers = {"participants": Estimate(counts.n_participants), "excluded": Estimate(len(left_out))}
    if not len(picks):
        chance = {human_picks.CHANCE: human_picks.chance(grid**2)}
        return Outcome(chance | ({PEOPLE: numbers} if left_out else {}), counts, rates)
    agreement = {
        "alpha": rater_agreement.alpha(picks, seed=seed),
        "overlap": rater_agreement.overlap(picks, seed=seed),
        "test_retest": rater_agreement.test_retest(picks, shown["repeat"], seed=seed),
    }
    centre = human_picks.centre_prior(shown["real"], grid, seed=seed)
    estimates = human_picks.measure(picks, grids, seed=seed)
    return Outcome({**estimates, PEOPLE: agreement | numbers, PHOTOGRAPHS: centre}, counts, rates)


def _of_kind(key: Key, kind: str) -> list[str]:
    return [name for name, trial in key.trials.items() if trial.kind == kind]


def _picks(numbered: pd.DataFrame, key: Key, kind: str) -> Picks:
    """The answers for images of one kind."""
    chosen = numbered[numbered["trial"].isin(_of_kind(key, kind))]
    cells = np.array(chosen["cells"].tolist(), np.int64).reshape(len(chosen), -1 if len(chosen) else 3)
    return Picks(chosen["participant"].to_numpy(np.int64), chosen["row"].to_numpy(np.int64), cells)


def _left_out(numbered: pd.DataFrame, key: Key, n_cells: int, rule: CatchRule) -> frozenset[int]:
    """The participants who did not look."""
    caught = _of_kind(key, "catch")
    flaws = np.zeros((len(caught), n_cells), bool)
    for row, name in enumerate(caught):
        flaws[row, list(key.trials[name].flaw or ())] = True
    everybody = sorted(map(int, numbered["participant"].unique()))
    return exclusions.excluded(everybody, _picks(numbered, key, "catch"), flaws, rule)
