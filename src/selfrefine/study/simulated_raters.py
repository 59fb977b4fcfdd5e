"""Simulated raters: they try the way from the page's answers to the files, and are no participants.

The first record of each says so, and `selfrefine.study.answers.read` refuses it: no table or figure is made of them.
"""

from pathlib import Path

import numpy as np

from selfrefine.study import answers
from selfrefine.study.records import Rules


def write(folder: Path, known: Rules, number: int, seed: int) -> None:
    """Writes the files of raters who pick at random.

    Args:
        folder: of the answers; made if it is not there.
        known: what answers of the study may hold.
        number: of raters.
        seed: another one, other raters.
    """
    random = np.random.default_rng(seed)
    for _ in range(number):
        who = {"study": known.study, "participant": random.bytes(16).hex()}
        answers.append(folder, who | {"kind": "start", "consent": known.consent, "simulated": True}, known, True)
        for position, trial in enumerate(random.permutation(sorted(known.trials)), start=1):
            cells = [int(cell) for cell in random.choice(known.cells, known.picks, replace=False)]
            given = {"trial": str(trial), "cells": cells, "milliseconds": int(random.integers(1000, 20000))}
            answers.append(folder, who | {"kind": "answer", "position": position, "input": "mouse"} | given, known)
        code = "".join(random.choice(list("ABCDEFGH23456789"), 8))
        answers.append(folder, who | {"kind": "end", "code": f"{code[:4]}-{code[4:]}"}, known)
