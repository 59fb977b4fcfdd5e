"""The page on people's marks says what stands in its table, and when its maps are to be doubted."""

import pandas as pd
import pytest

from selfrefine.data.human_marks import COUNTS, STATES
from selfrefine.metrics.intervals import Estimate
from selfrefine.report.tables import human_marks


def page(apart: Estimate, same_domain: bool = True) -> str:
    figures = {
        "flaw": {"share": Estimate(0.5, 0.4, 0.6), "pixel_roc_auc": Estimate(0.7, 0.6, 0.8), "empty": Estimate(0.25)},
        "another_image": {
            "share": Estimate(0.3),
            "share_difference": Estimate(0.2, 0.1, 0.3),
            "pixel_roc_auc": Estimate(0.6),
            "pixel_roc_auc_difference": Estimate(0.1, -0.1, 0.3),
        },
        human_marks.HIGHLIGHTER: {"roc_auc": apart},
    }
    sizes = dict.fromkeys(figures, 40) | {human_marks.HIGHLIGHTER: 90}
    table = human_marks.lines("my_marks", "richhf", same_domain, figures, sizes)
    states = dict.fromkeys(STATES, 0) | {"marked": 1200}
    part = {"part": "dev", "records": 1200, "published_records": 995, "sha256": "0", "as_published": "no"}
    return human_marks.page(table, pd.DataFrame([states | part], columns=COUNTS))


def test_figures_stand_beside_what_the_flaw_map_has_more() -> None:
    text = page(Estimate(0.9, 0.8, 1.0))
    assert "| Flaw maps of the other images |                0.300 | +0.200 [+0.100, +0.300] |" in text
    assert "0.700 [0.600, 0.800]" in text
    assert "ROC-AUC 0.900 [0.800, 1.000], on 90 images that it never saw. 25 % of the maps are empty." in text
    assert "| dev | " in text
    assert " 1,200 |" in text
    assert "**" not in text.partition("## How to read it")[0]


@pytest.mark.parametrize(
    ("apart", "same_domain", "told"),
    [
        (Estimate(0.9, 0.8, 1.0), False, "**The photographs are of another domain than the marked images"),
        (Estimate(0.55, 0.45, 0.65), True, "**The highlighter is not shown to tell marked images from photographs"),
    ],
)
def test_what_makes_the_maps_doubtful_stands_first(apart: Estimate, same_domain: bool, told: str) -> None:
    text = page(apart, same_domain)
    assert told in text.partition("## Three highest cells")[0]
