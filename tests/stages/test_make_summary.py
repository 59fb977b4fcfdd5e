"""Tables and figures in; one page that needs nothing beside it, and one that begins with ten sentences, out."""

import base64
import dataclasses
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfrefine.core import files
from selfrefine.core.job import Job
from selfrefine.core.names import PROVENANCE
from selfrefine.report import doubtful_maps, machines
from selfrefine.report.summary import pages
from selfrefine.report.summary.sentences import ten
from selfrefine.report.summary.short_tables import HEADINGS, TITLES, short_tables
from selfrefine.stages.make_summary import Config, Inputs, Outputs, read, run
from tests.support.tiny_summary import PROCESSES, changed, tiny_run

TEMPLATE = Path(__file__).parents[2] / "workflow" / "resources" / "summary.html"
MACHINE = {"torch": "2.14.1", "diffusers": "0.42.1", "numpy": "2.4.6", "threads": "1", "instructions": "avx2"}
HOSTILE = '<script>alert("x")</script> & {{ title }}'


def written(folder, made, machine=MACHINE, pictures=pages.FIGURES):
    """A job on the tables and pictures of a run, in a folder."""
    folder.mkdir()
    for name, table in made.tables.items():
        files.write_table(folder / f"{name}.csv", table)
    for number, name in enumerate(pictures):
        Image.fromarray(np.full((4, 4, 3), number, np.uint8)).save(folder / f"{name}.png")
    words = ("experiment", "select", "rows", "reference", "primary_network", "equivalence_margin", "minimum_seeds")
    config = {name: getattr(made, name) for name in words} | {"names": {}, "map_of": "both", "confirmatory": []}
    files.write_json(folder / "config.json", config | {PROVENANCE: {"machine": machine, "lineage": "0123abc"}})
    tables = tuple(path for path in sorted(folder.iterdir()) if path.suffix != ".png")
    inputs = Inputs(tables, tuple(sorted(folder.glob("*.png"))), TEMPLATE)
    outputs = Outputs(folder / "made" / "index.html", folder / "made" / "summary.md")
    return Job("make_summary", Config({}, PROCESSES), inputs, outputs)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A finished job."""
    built = written(tmp_path_factory.mktemp("summary") / "run", tiny_run(both=-0.06, samplings=["time_shift"]))
    run(built)
    return built


class Parsed(HTMLParser):
    """The tags of a page with their attributes, and its text; every tag that is opened is closed."""

    VOID = ("meta", "img", "link", "br", "hr")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def test_the_page_to_read_begins_with_the_sentences(job):
    """Its first section, up to the next heading, is what the end of a run prints."""
    head, _, rest = job.outputs.summary.read_text().partition("\n## ")
    told = ten(read(job.config, {path.name: path for path in job.inputs.tables}))
    assert head == "# What this run says\n\n" + "".join(f"- {sentence}\n" for sentence in told)
    assert len(told) == 10
    assert [line for line in rest.splitlines() if line.startswith("## ")][-1] == "## What was run"
    assert all(f"## {title}\n" in f"## {rest}" for title in TITLES.values())


def test_the_page_for_a_browser_needs_nothing_beside_it(job):
    text = job.outputs.index.read_text()
    page = Parsed(text)
    assert page.open == []
    assert not page.all("link")
    assert [attributes for attributes in page.all("script") if attributes] == []
    sources = [attributes["src"] for attributes in page.all("img")]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.findall(r"https?://|url\(|@import", re.sub(r"base64,[\w+/=]*", "", text))
    assert all(attributes["alt"] for attributes in page.all("img"))
    assert {attributes["name"] for attributes in page.all("meta") if "name" in attributes} == {
        "viewport",
        "color-scheme",
    }
    assert "prefers-color-scheme: dark" in text


def test_it_holds_every_sentence_table_and_figure(job):
    page = Parsed(job.outputs.index.read_text())
    made = read(job.config, {path.name: path for path in job.inputs.tables})
    assert all(sentence in page.text for sentence in ten(made))
    for table in short_tables(made):
        assert table.title in page.text
        assert all(text in page.text for row in table.rows for text in row)
    shown = [table for table in short_tables(made) if table.rows]
    assert len(page.all("table")) == 2 * len(shown)
    assert len(page.all("details")) == len(shown)
    columns = sum(len(HEADINGS) + len(made.tables[table.name].columns) for table in shown)
    assert len(page.all("button")) == len(page.all("th")) == columns
    lines = sum(1 + len(table.rows) + 1 + len(made.tables[table.name]) for table in shown)
    assert len(page.all("tr")) == lines


def test_pictures_are_in_it_as_they_are(job):
    page = Parsed(job.outputs.index.read_text())
    found = [base64.b64decode(attributes["src"].partition(",")[2]) for attributes in page.all("img")]
    names = {path.stem: path.read_bytes() for path in job.inputs.figures}
    assert found == [names[name] for name in pages.FIGURES]
    assert Image.open(io.BytesIO(found[0])).size == (4, 4)


@pytest.mark.parametrize(
    "machine",
    [MACHINE | {"instructions": "avx512"}, MACHINE | {"threads": "8"}, MACHINE | {"device": "cuda"}],
    ids=["processor", "threads", "device"],
)
def test_on_another_machine_the_bytes_are_the_same(job, machine, tmp_path):
    other = written(tmp_path / "elsewhere", tiny_run(both=-0.06, samplings=["time_shift"]), machine)
    run(other)
    for name in ("index", "summary"):
        assert getattr(other.outputs, name).read_bytes() == getattr(job.outputs, name).read_bytes()


def test_what_was_run_is_said(job):
    text = job.outputs.summary.read_text()
    assert "- Seeds: 0, 1, 2, 3, 4, 5\n" in text
    assert "- Versions: torch 2.14.1, diffusers 0.42.1, NumPy 2.4.6\n" in text
    assert "- Params, code and data: 0123abc\n" in text
    assert "- Scale: Tiny DDPM on Shapes in the place of the paper's CelebA-HQ, 600 + 1,500 training steps, " in text
    assert "- better: lower FD than the Baseline: p, " in text


def test_words_of_a_user_are_text_and_no_markup(tmp_path):
    made = tiny_run(seeds=1)
    rows = json.loads(json.dumps(made.rows))
    rows["variants"]["both"]["title"] = HOSTILE
    rows["datasets"]["shapes"]["title"] = HOSTILE
    built = written(tmp_path / "hostile", dataclasses.replace(made, rows=rows))
    run(built)
    page = Parsed(built.outputs.index.read_text())
    assert page.open == []
    assert len(page.all("script")) == 1
    assert f"{HOSTILE}, against Baseline, is not assessed" in page.text


def test_figures_that_are_not_there_are_left_out(tmp_path):
    built = written(tmp_path / "few", tiny_run(seeds=1), pictures=["figure8", "forest"])
    run(built)
    captions = [attributes["alt"] for attributes in Parsed(built.outputs.index.read_text()).all("img")]
    assert captions == [pages.FIGURES["figure8"], pages.FIGURES["forest"]]


def test_empty_tables_say_so(tmp_path):
    made = tiny_run(seeds=1)
    empty = {
        name: table.iloc[:0] if name in ("table4", "table5", "sweep") else table for name, table in made.tables.items()
    }
    built = written(tmp_path / "empty", dataclasses.replace(made, tables=empty))
    run(built)
    text = built.outputs.summary.read_text()
    for name in ("table4", "table5", "sweep"):
        assert f"## {TITLES[name]}\n\nNothing of it was run.\n" in text


@pytest.mark.parametrize("heading", [doubtful_maps.HEADING, machines.HEADING])
def test_what_speaks_against_it_is_taken_from_the_pages_of_the_tables(heading, tmp_path):
    built = written(tmp_path / "doubted", tiny_run(seeds=1))
    page = built.inputs.tables[0].with_name("table2.md")
    page.write_text(f"# Table 2\n\n- A row.\n\n{heading}\n\nWords.\n\n- The doubt.\n\n## Another\n\n- No doubt.\n")
    run(dataclasses.replace(built, inputs=dataclasses.replace(built.inputs, tables=(*built.inputs.tables, page, page))))
    assert f"\n## {pages.DOUBTS}\n\n- The doubt.\n\n## Table 1" in built.outputs.summary.read_text()
    assert "The doubt." in Parsed(built.outputs.index.read_text()).text


def test_every_figure_of_a_rule_has_its_title():
    rules = [(TEMPLATE.parents[1] / "rules" / f"make_{name}.smk").read_text() for name in ("tables", "figures")]
    assert pages.FIGURES.keys() == {name for text in rules for name in re.findall(r"/(\w+)\.png", text)}


def test_a_verdict_that_changes_changes_the_page(tmp_path, job):
    made = changed(tiny_run(both=-0.06, samplings=["time_shift"]), "controls", {"verdict": "inconclusive"}, row="both")
    built = written(tmp_path / "other", made)
    run(built)
    assert "Both, against Baseline, is not shown to change FD" in built.outputs.summary.read_text()
    assert "Both, against Baseline, makes FD better" in job.outputs.summary.read_text()
