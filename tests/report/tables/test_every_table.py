"""What holds in all tables alike."""

import dataclasses
import math

import pytest

from selfrefine.core.names import HEADLINE, LOG_DIFFERENCE
from selfrefine.report.tables.every_table import TABLES
from tests.support.tiny_controls import CONTROLS, control_results
from tests.support.tiny_metrics import FD, generation
from tests.support.tiny_results import REAL_PAPER, tiny_results, titled
from tests.support.tiny_stage_metrics import inpainting_metrics, prompt_metrics
from tests.support.tiny_sweep import RUNS, sweep_results


def results(name):
    """Six seeds of an imagined experiment that has the table."""
    if name == "sweep":
        return sweep_results(RUNS, 6)
    if name in ("table4", "table5"):
        stages = {"prompts": prompt_metrics(range(6)), "inpainting": inpainting_metrics(range(6))}
        return tiny_results(generation(FD, 6), **stages)
    found = control_results([*CONTROLS, "edge"], 6, edge=9.9)
    rows = found.rows | {"variants": titled({name: name for name in [*CONTROLS, "edge"]})}
    return dataclasses.replace(found, rows=rows, select={"datasets": ["shapes"]} | found.select, paper=REAL_PAPER)


def spoilt(found, wrong):
    """The same with an FD of `both` that is `wrong` in one seed, and the difference that a stage would take of it."""
    metrics = found.metrics.copy()
    here = (metrics["variant"] == "both") & (metrics["seed"] == 2)
    metrics.loc[here & (metrics["metric"] == HEADLINE), "value"] = wrong
    metrics.loc[here & (metrics["metric"] == LOG_DIFFERENCE), "value"] = math.nan
    return dataclasses.replace(found, metrics=metrics)


@pytest.mark.parametrize("wrong", [math.nan, 0.0])
@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4", "table5", "table7", "controls", "sweep"])
def test_a_change_that_is_no_number_has_no_verdict_and_the_page_says_why(name, wrong):
    lines, page = TABLES[name]
    whole = results(name)
    for found, told in ((whole, False), (spoilt(whole, wrong), True)):
        table = lines(found)
        assert ("undefined" in set(table["verdict"])) == told
        assert ("- undefined: none: the change of a seed is no number" in page(table, found)) == told
        judged = table[table["row"].isin(["both", "self_refining"]) & (table["verdict"] != "")]
        assert len(judged)
        assert set(judged["verdict"] == "undefined") == {told}


def test_tables_without_verdicts_are_the_others():
    without = {name for name, (lines, _) in TABLES.items() if "verdict" not in lines(results(name))}
    assert without == {"table6", "maps", "table_study"}
