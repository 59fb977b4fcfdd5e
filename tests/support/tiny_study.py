"""A study of a few images that are drawn, not generated: one of each kind, on a grid of four cells a side."""

from pathlib import Path

import numpy as np

from selfrefine.study import folder, records
from selfrefine.study.folder import Practice, Study, Trial

PAGE = Path(__file__).parents[2] / "workflow" / "resources" / "study"
GRID, SIZE = 4, 16
PERSON = "0123456789abcdef" * 2


def image(number: int, flaw: tuple[int, ...] = ()) -> np.ndarray:
    """A garment of a kind, drawn: its outline on a dark ground; a flaw is a light block in a cell."""
    drawn = np.zeros((SIZE, SIZE, 3), np.uint8)
    drawn[2:15, 4:12] = 90 + 20 * number
    drawn[3:7, 1 + number % 3 : 15] = 120 + 15 * number
    for cell in flaw:
        row, column = divmod(cell, GRID)
        drawn[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 255
    return drawn


def study(**changes: object) -> Study:
    """A study of two practice images and five trials."""
    trials = (
        Trial("t01", image(1), "generated", 4),
        Trial("t02", image(2), "real", 0),
        Trial("t03", image(3, (5,)), "catch", 2, flaw=(5,)),
        Trial("t04", image(4), "generated", 7),
        Trial("t05", image(1), "repeat", 4, repeats="t01"),
    )
    maps = {"flaw": np.arange(2 * GRID * GRID, dtype=np.float32).reshape(2, GRID, GRID)}
    practice = (Practice(image(5, (5, 6)), (5, 6)), Practice(image(6, (10,)), (10,)))
    given = {"title": "Garments", "consent": "", "contact": "lab@example.org"}
    given |= {"grid": GRID, "practice": practice, "trials": trials, "maps": maps}
    return Study(**given | changes)


def write(path: Path, **changes: object) -> records.Rules:
    """Writes the study's folder, and returns what its answers may hold."""
    folder.write(path, study(**changes), PAGE)
    return records.rules(path)


def start(known: records.Rules, participant: str = PERSON) -> records.Record:
    """A participant's first record."""
    return {"study": known.study, "participant": participant, "kind": "start", "consent": known.consent}


def answer(known: records.Rules, trial: str = "t01", participant: str = PERSON, **changes: object) -> records.Record:
    """An answer."""
    record = {"study": known.study, "participant": participant, "kind": "answer", "trial": trial, "cells": [3, 0, 9]}
    return record | {"milliseconds": 1500, "position": int(trial[1:]), "input": "mouse"} | changes


def end(known: records.Rules, participant: str = PERSON) -> records.Record:
    """A participant's last record."""
    return {"study": known.study, "participant": participant, "kind": "end", "code": "ABCD-2345"}
