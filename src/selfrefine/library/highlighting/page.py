"""The page in which a person looks through the images: one file, opened from the disk, with nothing to install."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from selfrefine.core import files
from selfrefine.data.image_folder import shown
from selfrefine.library.highlighting import figures
from selfrefine.library.highlighting.highlighted import Highlighted
from selfrefine.library.highlighting.shortcuts import BOUND, WORDS

TEMPLATE = Path(__file__).with_name("page.html")
EMBEDDED = 500  # images of the highest scores whose small pictures are in the page itself: about five megabytes


def cards(table: pd.DataFrame, names: Sequence[str], small: Sequence[tuple[str, str]]) -> list[list[Any]]:
    """What the page's script shows of each image: [file, P(fake), logit, part, name of its pictures, small ones].

    Args:
        table: scores.csv.
        names: of the pictures, without their endings.
        small: picture and overlay of the first images, as addresses of themselves.
    """
    found: list[list[Any]] = [
        [shown(file), round(p, 6), round(logit, 3), part, name]
        for file, p, logit, part, name in zip(
            table["file"], table["p_fake"], table["logit"], table["part"], names, strict=True
        )
    ]
    for card, pair in zip(found, small, strict=False):
        card += pair
    return found


def render(found: Highlighted, data: Sequence[Sequence[Any]]) -> str:
    """index.html: verdict, figures, warnings, and of images that were mapped all cards."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    rows = [(figures.TITLES[name], figures.told(value)) for name, value in found.figures.items()]
    checks = [(WORDS[each.check], figures.told(each.roc_auc), each.warning) for each in found.shortcuts]
    return environment.from_string(files.read_bytes(TEMPLATE).decode()).render(
        sentences=found.sentences[:-1],
        verdict=found.sentences[-1].rpartition(": ")[0] if found.told_apart else found.sentences[-1],
        figures=rows,
        checks=checks,
        bound=BOUND,
        warnings=[each.warning for each in found.shortcuts if each.warning],
        cards=data,
        embedded=min(EMBEDDED, len(data)),
    )
