"""What a study shows: generated images, some of them twice, photographs with and without a planted flaw (method 12)."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch

from selfrefine.core.errors import InputError
from selfrefine.core.random_streams import Purpose, stream
from selfrefine.evidence import planted_flaws, pointing_game
from selfrefine.evidence.planted_flaws import Patch
from selfrefine.study.folder import Practice, Trial

# The order of the trials. No purpose of `random_streams`, which every stage imports: a word there trains all anew.
ORDER = cast(Purpose, "study")
# Not in paper: what is planted is noise alone, because a patch of a dark background is seen in no other kind.
FLAW = "noise"


@dataclass(frozen=True)
class Numbers:
    """How many images of each kind: see params.yaml, prepare_study; grid: cells a side."""

    grid: int
    n_generated: int
    n_repeats: int
    n_catch: int
    n_real: int
    n_practice: int


def unseen(fakes: np.ndarray, n_fakes: int, draws: int, count: int) -> np.ndarray:
    """The last `count` generated images, (count, H, W, 3) uint8, which no highlighter has learned from.

    Args:
        fakes: all of generate_fakes; highlighters learn from the first ones.
        n_fakes: how many each of them learns from.
        draws: how many times as many the highlighters learn from together.
        count: of the study.

    Raises:
        InputError: too few to leave the last ones alone.
    """
    if len(fakes) < draws * n_fakes + count:
        raise InputError(
            f"params.yaml: generate_fakes.n_images is {len(fakes)}; highlighters learn from {draws * n_fakes} of them "
            f"and prepare_study.n_generated asks for {count} others: at least {draws * n_fakes + count} needed"
        )
    return np.array(fakes[len(fakes) - count :])


def made(
    generated: np.ndarray, photographs: np.ndarray, numbers: Numbers, patch: Patch, seed: int
) -> tuple[tuple[Practice, ...], tuple[Trial, ...]]:
    """Images to practise on, and all trials in a random order, by which they are numbered.

    Practice and catch images are photographs 0, 1, ... with a planted flaw; those that follow are shown as they are.

    Args:
        generated: (n_generated, H, W, 3) uint8.
        photographs: real ones that no network has seen, (n, H, W, 3) uint8.
        numbers: of each kind.
        patch: what is planted; only its noise is.
        seed: of the run.

    Raises:
        InputError: too few photographs.
    """
    planted, needed = numbers.n_practice + numbers.n_catch, numbers.n_practice + numbers.n_catch + numbers.n_real
    if len(photographs) < needed:
        raise InputError(
            f"params.yaml: prepare_study asks for {needed} photographs (n_practice, n_catch and n_real), but the test "
            f"split has {len(photographs)}; lower one of them"
        )
    shown = planted_flaws.plant(np.array(photographs[:planted]), generated, patch, seed)
    flawed = shown.images[FLAW]
    flaws = [tuple(map(int, np.flatnonzero(row))) for row in pointing_game.covered_cells(shown.masks, numbers.grid)]
    practice = [Practice(flawed[row], flaws[row]) for row in range(numbers.n_practice)]
    kinds = [
        *(("generated", row, generated[row]) for row in range(numbers.n_generated)),
        *(("repeat", row, generated[row]) for row in range(numbers.n_repeats)),
        *(("catch", row, flawed[row]) for row in range(numbers.n_practice, planted)),
        *(("real", row, np.array(photographs[row])) for row in range(planted, needed)),
    ]
    order = torch.randperm(len(kinds), generator=stream(seed, ORDER, 0)).tolist()
    named = {f"t{number:0{len(str(len(kinds)))}}": kinds[place] for number, place in enumerate(order, start=1)}
    first = {row: name for name, (kind, row, _) in named.items() if kind == "generated"}
    trials = [
        Trial(
            *(name, image, kind, row),
            repeats=first[row] if kind == "repeat" else None,
            flaw=flaws[row] if kind == "catch" else None,
        )
        for name, (kind, row, image) in named.items()
    ]
    return tuple(practice), tuple(trials)


def generated_rows(trials: tuple[Trial, ...]) -> np.ndarray:
    """The rows of the generated images in the order of their trials: the order of a study's maps."""
    return np.array([trial.row for trial in trials if trial.kind == "generated"])
