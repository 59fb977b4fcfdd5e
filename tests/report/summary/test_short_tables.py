"""Each table in short form: row, the paper's figure, ours, change, verdict."""

import dataclasses

import pytest

from selfrefine.core.names import HEADLINE
from selfrefine.report.summary.short_tables import HEADINGS, TITLES, short_tables
from selfrefine.report.tables.every_table import TABLES
from tests.support.tiny_metrics import NOISE, SAMPLINGS, published
from tests.support.tiny_summary import PRINTED, tiny_run

RUN = tiny_run(both=-0.06, samplings=list(SAMPLINGS))


def rows(name, run=RUN):
    (found,) = (table for table in short_tables(run) if table.name == name)
    return found.rows


def test_every_table_that_is_written_is_shown():
    assert TITLES.keys() == {*TABLES, "strength", "autoencoder"}
    assert [table.name for table in short_tables(RUN)] == list(TITLES)
    for table in short_tables(RUN):
        assert all(len(row) == len(HEADINGS) for row in table.rows)
        assert not [text for row in table.rows for text in row if "nan" in text or not text]


def test_the_papers_change_stands_beside_ours():
    assert rows("table2")[:1] == [("Baseline", "8.985", "10.00", "-", "-")]
    (both,) = (row for row in rows("table2") if row[0] == "Both")
    assert both[1:] == ("8.369 (-6.9 %)", "9.418 [9.338, 9.498]", "-5.8 % [-6.6, -5.0]", "sampler-dependent")


def test_of_images_from_prompts_the_papers_figures_are_those_to_images_that_were_learned_from():
    printed = [
        *PRINTED,
        *(published("table4", *row) for row in (("baseline", "fid", 25.0), ("self_refining", "fid", 24.0))),
    ]
    run = tiny_run(printed=printed)
    assert [row[:2] for row in rows("table4", run)] == [
        ("Tiny DDPM: Baseline", "25.000"),
        ("Tiny DDPM: Both", "24.000 (-4.0 %)"),
    ]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("table1", "Tiny DDPM, baseline"),
        ("table3", "Shapes: Baseline"),
        ("table5", "Tiny DDPM, Wide masks: Baseline"),
        ("table6", "Shapes, Tiny DDPM, Flaw highlighter: Accuracy"),
        ("controls", "Shapes: Forward against Baseline"),
        ("maps", "Shapes, Tiny DDPM: r with the flaw map of Same highlighter, real images"),
        ("strength", "Shapes: Forward (forward 0.004, reverse 0)"),
        ("autoencoder", "Shapes, Tiny DDPM: PSNR, dB"),
    ],
)
def test_rows_are_in_words(name, first):
    assert rows(name)[0][0] == first


def test_one_line_a_row_in_one_feature_space():
    assert len(rows("controls")) == len(RUN.tables["controls"]) / 2  # of two networks
    assert {row[-1] for row in rows("controls")} <= {*RUN.tables["controls"]["verdict"]}


def test_what_was_not_run_has_no_rows():
    assert rows("sweep") == rows("table7") == []
    empty = {name: table.iloc[:0] for name, table in RUN.tables.items()}
    assert not [table for table in short_tables(dataclasses.replace(RUN, tables=empty)) if table.rows]


def of_study(**options):
    """The rows of a run's study."""
    tables = short_tables(tiny_run(seeds=1, **options))
    return next(table.rows for table in tables if table.name == "table_study")


def test_a_study_has_both_readings_and_the_difference_that_counts_or_says_that_nobody_was_asked():
    assert [row[0].removeprefix("Which shapes look natural? ") for row in of_study(people=15)] == [
        "Share of picks in the flaw map's three cells",
        "Any match with the flaw map's three cells",
        "Share, flaw map less those of other images",
    ]
    assert of_study(people=15)[2][2] == "0.200 [0.100, 0.300]"
    assert [row[2:] for row in of_study(people=0)] == [("-", "-", "no participants yet")] * 2
    assert of_study() == []


def test_other_ways_to_sample_that_do_not_compare_with_the_reference_are_in_the_whole_table_alone():
    run = tiny_run(samplings=["baseline_ancestral", "both_ancestral", *NOISE])
    whole = run.lines("table2", metric=HEADLINE, network=run.primary_network)
    sampled = [run.title(line["row"]) for line in whole if line["row"] in run.rows["samplings"]]
    shown = [row[0] for row in rows("table2", run)]
    apart = ["Baseline, ancestral", "Both, ancestral", "Baseline, best noise", "Both, best noise"]
    assert [name for name in sampled if name not in shown] == apart
    assert [name for name in sampled if name in shown] == ["Baseline, noise x 1.01", "Fork, noise x 1.01"]
