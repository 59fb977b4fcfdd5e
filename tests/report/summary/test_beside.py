"""What other experiments add to the findings is what their tables say."""

import dataclasses
import re

from selfrefine.report.seed_statistics import records
from selfrefine.report.summary import beside, findings, sentences
from selfrefine.report.summary.findings import Beside
from selfrefine.report.summary.more_seeds import Costs
from selfrefine.report.tables import planted_sizes, sweep, table6
from tests.support import tiny_planted
from tests.support.tiny_summary import tiny_run
from tests.support.tiny_sweep import RUNS, sweep_results
from tests.support.tiny_table6 import metrics, results


def of_sizes(**options):
    found = results([*metrics(), *tiny_planted.lines(**options)])
    return dataclasses.replace(tiny_run(), tables={"table6": table6.lines(found)}, rows=found.rows)


def test_what_is_found_and_what_is_not_stand_apart_with_what_could_have_been_found():
    run = of_sizes(images=400)
    _, sentence = beside.planted(run)
    found, centre, others, real, _ = re.split(r"\. Hit more often than |; than |\. A difference to ", sentence)
    assert found.startswith("DDPM on Garments, 3 seeds: found: piece of a generated image (0.25, 0.5), ")
    assert "noise (0.25, 0.5)" in found
    assert "turned" not in found
    assert centre.startswith("by a Gaussian centre: piece of a generated image (0.25, 0.5)")
    assert others.startswith("by the maps of other images: piece of a generated image (0.25, 0.5)")
    assert real == "a piece of a real image: piece of a generated image (0.25, 0.5)"
    shown = planted_sizes.lines(run.tables["table6"]).query("figure == 'less_others'")["detectable"]
    assert sentence.endswith(f"four of five such runs from {shown.min():.3f} to {shown.max():.3f} on.")


def test_every_series_of_the_sweep_is_told_with_all_its_settings_under_their_verdicts():
    found = sweep_results(RUNS)
    table = sweep.lines(found)
    whole = tiny_run()
    run = dataclasses.replace(whole, tables={**whole.tables, "sweep": table}, rows=found.rows)
    plateau, *told = beside.search_space(run)
    assert plateau == sentences.plateau(run)
    here = table[table["network"] == run.primary_network]
    assert len(told) == len(here.drop_duplicates(["family", "factor", "series"]))
    (cycle,) = [sentence for sentence in told if "Cycle" in sentence]
    for line in records(here[here["factor"] == "cycle"]):
        assert f"{sweep.setting_words('cycle', line['setting'])} (" in cycle
    assert "not assessed, 2 seeds: " in cycle


def test_the_page_shows_other_experiments_behind_its_own_and_what_they_rest_on():
    other = Beside("A heading", "planted", ["One.", "Two."], "picture.png", ["planted: told"])
    text = findings.page(tiny_run(), Costs(1.0, {"card": 2.0}, 3), ["own"], "forest.png", [other])
    head = "Exploratory, not corrected for the number of comparisons; from the kept seeds of `planted`."
    assert f"## A heading\n\n{head}\n\n- One.\n- Two.\n\n![A heading](picture.png)" in text
    assert text.endswith("## What this rests on\n\n- own\n- planted: told\n")
    assert text.index("forest.png") < text.index("## A heading")
