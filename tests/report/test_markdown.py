"""The page that people read."""

import math

import pytest

from selfrefine.metrics.frechet import FID_NETWORK
from selfrefine.report import markdown, seed_statistics
from selfrefine.report.tables import table2
from tests.support.tiny_metrics import AGAIN, FD, PAPER, ROWS, SAMPLINGS, generation

TITLES = {name: row["title"] for rows in ROWS.values() for name, row in rows.items()}
TITLES |= {name: row["title"] for name, row in SAMPLINGS.items()}


def page(fd, seeds=1, second_sampler=None, metrics=()):
    metrics = metrics or generation(fd, seeds)
    judgement = seed_statistics.Judgement("baseline", 0.017, 6, second_sampler=second_sampler or {})
    stands_for = {"shapes": "celeba_hq"}
    table = table2.table2(metrics, PAPER, judgement, stands_for, seed_statistics.scales(metrics, "smoke", ROWS))
    return table2.table2_page(table, judgement=judgement, primary_network="vgg16_conv5_gap", titles=TITLES)


def cells(text, start):
    """The cells of the lines of all tables that begin with `start`."""
    return [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith(f"| {start}")
    ]


def test_page_of_one_seed():
    text = page(FD)
    primary, second = (line for line in cells(text, "Forward + reverse") if len(line) == 8)
    assert primary == [
        *("Forward + reverse", "8.369", "-6.9 %", "9.000 (no interval)", "-10.0 %", "-18.6 % to -0.5 %", "-"),
        "not assessed",
    ]
    assert second[3] == "9.000 [8.100, 9.900]"
    assert text.index("`vgg16_conv5_gap` (primary)") < text.index("`alexnet_conv5_gap` (a second")
    assert "figures do not compare, only their changes do" in text
    assert "not assessed: fewer than 6 seeds" in text
    assert "Experiment smoke: Tiny DDPM on Shapes" in text
    assert "still improving" not in text
    assert "nan" not in text


def test_page_of_six_seeds_explains_the_verdicts_it_gives():
    text = page(FD, seeds=6)
    primary = next(line for line in cells(text, "Forward + reverse") if len(line) == 8)
    assert primary[-2:] == ["-10.0 % to -10.0 %", "better"]
    assert "- better: lower FD than the Baseline" in text
    assert "not assessed" not in text


def test_a_second_sampler_has_its_value_and_no_change():
    assert "second sampler" not in page(FD)
    text = page(FD | {"baseline_ancestral": 10.2, "both_ancestral": 9.9}, seeds=6, second_sampler=AGAIN)
    assert "- Baseline, ancestral; Both, ancestral: the same networks under a second sampler." in text
    primary = next(line for line in cells(text, "Both, ancestral") if len(line) == 8)
    assert primary[:2] == ["Both, ancestral", "-"]
    assert primary[3].startswith("10.15 [")
    assert primary[4:] == ["-"] * 4
    assert "nan" not in text


def test_an_unfinished_baseline_is_said_in_words():
    assert "**Baseline still improving: FD 50 % lower than at the fork" in page(FD | {"fork": 20.0})


def test_inceptions_name_is_the_papers_alone():
    """FID is the paper's figure on Inception features; ours is FD."""
    heads = [line for line in page(FD).splitlines() if line.startswith("|  ") and "FD to test" in line]
    assert len(heads) == 2
    assert all(cell.count("FID") == cell.count("Paper: FID") for head in heads for cell in head.split("|"))


def test_the_same_features_as_the_papers_give_the_same_name():
    metrics = [
        line | {"network": FID_NETWORK} if line["network"] == "alexnet_conv5_gap" else line for line in generation(FD)
    ]
    text = page(FD, metrics=metrics)
    heads = [line for line in text.splitlines() if line.startswith("|  ") and "Paper: FID" in line]
    ours = [cell.strip() for head in heads for cell in head.split("|") if "to test" in cell]
    assert ours == ["FD to test", "FID to test"]
    assert "FID to train" in text
    assert f"In the features of `{FID_NETWORK}` FD is the FID" in text
    assert "FD is the FID" not in page(FD)


def test_a_table_lines_up():
    lines = markdown.markdown_table(["", "a"], [["long name", "1"], ["b", "12345"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| --------- | ----: |"
    assert lines[3] == "| b         | 12345 |"


@pytest.mark.parametrize(
    ("value", "style", "text"), [(1.5, "#.4g", "1.500"), (1234.0, "#.4g", "1234"), (math.nan, ".3f", "-")]
)
def test_numbers(value, style, text):
    assert markdown.number(value, style) == text
