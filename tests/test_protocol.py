"""docs/protocol.md says what experiments/small.yaml does, and of the scan what evidence/scan/ holds."""

import re
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from selfrefine.params import job_config
from selfrefine.params.experiment import read_params

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
PARAMS, _ = read_params(ROOT, "small")
SCAN = pd.read_csv(ROOT / "evidence" / "scan" / "scales.csv")
PLACE = {"dataset": "fashion_mnist", "model": "ddpm", "variant": "both", "seed": "20"}


def part(heading: str) -> str:
    """The text below a heading."""
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def leaf(stage: str, name: str) -> int:
    return job_config.job(PARAMS, stage, PLACE)[name]


def test_every_arm_is_told_and_no_other() -> None:
    told = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", part("What is run"), re.MULTILINE)))
    assert sorted(told) == sorted(PARAMS["select"]["variants"])


def test_the_contrasts_that_are_judged_are_those_of_the_params() -> None:
    told = [re.findall(r"`(\w+)`", line.split(" | ")[0]) for line in part("What is judged").splitlines() if "|" in line]
    assert [names for names in told if names] == [pair[:2] for pair in PARAMS["make_tables"]["confirmatory"]]
    assert [len(pair) for pair in PARAMS["make_tables"]["confirmatory"]] == [2, 2, 3, 3]


def test_seeds_and_sizes_are_those_of_the_params() -> None:
    first, *_, last = PARAMS["select"]["seeds"]
    assert f"Seeds {first} to {last} have never been run" in PAGE
    assert PARAMS["select"]["seeds"] == list(range(first, last + 1))
    assert PARAMS["make_tables"]["minimum_seeds"] == len(PARAMS["select"]["seeds"]) == 6
    assert "All six seeds" in PAGE
    assert f"{leaf('train_base', 'steps'):,} updates of {leaf('train_base', 'batch_size')} images" in PAGE
    assert f"refinements of {leaf('train_refined', 'steps')} updates" in PAGE
    assert f"{leaf('generate_samples', 'n_images')} of each arm from the same noise" in PAGE
    assert f"DDIM of {leaf('generate_samples', 'steps')} steps" in PAGE
    assert f"{leaf('extract_features', 'n_reference'):,} test photographs" in PAGE


def test_what_is_said_of_samplers_is_what_runs() -> None:
    rows = {name: PARAMS["samplings"][name] for name in PARAMS["select"]["samplings"]}
    best = [row["of"] for row in rows.values() if row["generate_samples"].get("eps_scale") == "best"]
    told = re.search(r"and ((?:`\w+`,?\s+(?:and\s+)?)+)each at its own best factor", PAGE)
    assert told
    assert re.findall(r"`(\w+)`", told[1]) == best
    again = [row["of"] for row in rows.values() if row["generate_samples"].get("sampler") == "ancestral"]
    told = re.search(r"by DDIM; ((?:`\w+`,?\s+(?:and\s+)?)+)also by ancestral", PAGE)
    assert told
    assert re.findall(r"`(\w+)`", told[1]) == again


@pytest.mark.parametrize(("deviations", "contrasts"), [(2.0, 4), (1.4, 1)])
def test_six_seeds_find_what_the_page_says(deviations: float, contrasts: int) -> None:
    """Four times of five, at the strictest and at the weakest step of Holm's correction."""
    n = len(PARAMS["select"]["seeds"])
    needed = stats.t.ppf(1 - 0.05 / contrasts / 2, n - 1)
    assert stats.nct.sf(needed, n - 1, deviations * n**0.5) == pytest.approx(0.8, abs=0.03)
    assert str(deviations) in part("What is judged")


@pytest.mark.parametrize(("steps", "lines"), list(SCAN.groupby("base_steps")))
def test_the_scans_table_is_that_of_its_figures(steps: int, lines: pd.DataFrame) -> None:
    cells = []
    for sampler in ("ddim 25", "ancestral 100", "ancestral 250"):
        here = lines[lines["sampler"] + " " + lines["sampler_steps"].astype(str) == sampler]
        cells.append(", ".join(best(own) for _, own in here.groupby("seed")) or "-")
    assert f"| {steps:,} | {' | '.join(cells)} |" in PAGE


def best(lines: pd.DataFrame) -> str:
    """The chosen factor of a seed, as the page has it."""
    scale = lines.loc[lines["chosen"], "eps_scale"].item()
    return f"{'at least ' if scale == lines['eps_scale'].max() else ''}{scale:.4f}".rstrip("0")
