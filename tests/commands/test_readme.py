"""The README's numbers come from a run."""

import re
from pathlib import Path

import pytest
import yaml

from selfrefine.commands import readme
from selfrefine.core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


SUMMARY = """# What this run says

- Forward: no change is shown.
- Reverse: nor there.
- The third.
- The fourth.
- The fifth.
- The sixth.

## Table 1: model families

| Row | Ours |
| --- | --- |
| DDPM | 3 |

## Table 2: the processes of self-refinement

| Row | Ours |
| --- | --- |
| Baseline | 1.5 |

## What was run

- Seeds: 0, 1
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """A project after a run: a summary, tables, figures, benchmarks of two experiments."""
    texts = {
        "README.md": f"before\n{readme.BEGIN}\nold numbers\n{readme.END}\nafter\n",
        "results/README.md": "# Columns",
        **{f"results/tables/embedded/{name}.md": f"# {name}\n" for name in readme.PAGES},
        "results/summary/embedded/summary.md": SUMMARY,
        "benchmarks/train_base/embedded/d/m/seed0.tsv": "s\n100.4\n",
        "benchmarks/train_base/smoke/d/m/seed0.tsv": "s\n5\n",
        "benchmarks/make_tables/embedded.tsv": "s\n1.2\n",
        "benchmarks/fetch_data/fashion_mnist.tsv": "s\n7\n",
        "logs/train_base/embedded/d/m/seed0.log": "peak memory 900 MiB\n",
        "logs/train_base/smoke/d/m/seed0.log": "peak memory 5000 MiB\n",
        "logs/make_tables/embedded.log": "peak memory 81 MiB\n",
        "logs/fetch_data/fashion_mnist.log": "peak memory 300 MiB\n",
        **{f"results/{room}/embedded/{name}": name for room, names in readme.FIGURES.items() for name in names},
        "models/train_base/embedded/weights": "w" * 3_000_000,
        "models/train_base/smoke/weights": "w" * 9_000_000,
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def nowhere(page: Path) -> list[str]:
    """Links and pictures of a page that lead to no file."""
    found = re.findall(r"\]\(([^)]+)\)", page.read_text())
    assert found
    return [link for link in found if "://" not in link and not (page.parent / link).is_file()]


def test_the_block_is_replaced_by_the_sentences_and_the_short_table_and_the_rest_kept(project):
    readme.write(project, "embedded")
    once = (project / "README.md").read_text()
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old numbers" not in once
    assert (
        "- Forward: no change is shown.\n- Reverse: nor there.\n- The third.\n- The fourth.\n- The fifth.\n\n" in once
    )
    assert "- The sixth.\n" in (project / "docs" / readme.PAGE).read_text()
    assert "### Table 2: the processes of self-refinement\n" in once
    assert "| Baseline | 1.5 |" in once
    assert "| DDPM | 3 |" not in once, "all other tables stand in the page alone"
    assert "Its files take 3 MB." in once
    assert not nowhere(project / "README.md")
    readme.write(project, "embedded")
    assert (project / "README.md").read_text() == once


def test_the_page_has_every_section_every_figure_and_the_times(project):
    readme.write(project, "embedded")
    page = project / "docs" / "results.md"
    text = page.read_text()
    assert "What this run says" not in text
    assert re.findall("^## (.*)", text, re.MULTILINE) == [
        "Table 1: model families",
        "Table 2: the processes of self-refinement",
        *("What was run", "Whole tables", "Figures", "Time and memory"),
    ]
    assert not nowhere(page)
    drawn = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert set(drawn) == {name for names in readme.FIGURES.values() for name in names}
    assert {f"{name}.md" for name in readme.PAGES} <= set(re.findall(r"\]\(([^)]+)\)", text))
    assert (project / "docs" / "figure4.png").read_text() == "figure4.png"
    assert "| `train_base` | 1 | 100 | 900 |" in text


def test_a_summary_without_the_short_table_is_one_line(project):
    path = project / "results" / "summary" / "embedded" / "summary.md"
    path.write_text(SUMMARY.replace("## Table 2", "## Table two"))
    with pytest.raises(InputError, match=r"summary\.md: no section '## Table 2'; run `make all` again"):
        readme.write(project, "embedded")
    assert not (project / "docs").exists()


def test_pages_of_the_bench_are_linked_where_it_was_run(project):
    readme.write(project, "embedded")
    page = project / "docs" / "results.md"
    assert "bench.md" not in page.read_text()
    for name in ("bench.md", "cost.png"):
        (project / "results" / "bench").mkdir(exist_ok=True)
        (project / "results" / "bench" / name).write_text(name)
    readme.write(project, "embedded")
    text = page.read_text()
    assert "[bench](bench.md)" in text
    assert "fidelity" not in text
    assert (project / "docs" / "cost.png").read_text() == "cost.png"


def test_time_is_that_of_the_experiment_and_of_fetching(project):
    rows = readme.time_table(project, "embedded").splitlines()[-4:]
    assert rows == [
        "| `train_base` | 1 | 100 | 900 |",
        "| `fetch_data` | 1 | 7 | 300 |",
        "| `make_tables` | 1 | 1 | 81 |",
        "| `all` | 3 | 109 | 900 |",
    ]


@pytest.mark.parametrize(
    "gone", ["tables/embedded/forest.png", "tables/embedded/maps.md", "summary/embedded/summary.md"]
)
def test_what_is_missing_is_told_and_nothing_is_copied(project, gone):
    (project / "results" / gone).unlink()
    with pytest.raises(InputError, match=rf"{gone}: no such file; run `make all EXPERIMENT=embedded` first"):
        readme.write(project, "embedded")
    assert not (project / "docs").exists()


def test_a_readme_without_marks_and_a_run_without_times_are_one_line(project):
    with pytest.raises(InputError, match="no benchmark of experiment small; run `make all` first"):
        readme.time_table(project / "elsewhere", "small")
    (project / "README.md").write_text("no block")
    with pytest.raises(InputError, match="no block between"):
        readme.write(project, "embedded")


def test_the_readme_is_short_its_pictures_are_there_and_its_numbers_written_by_a_run():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 130
    pictures = [path for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text) if "://" not in path]
    assert pictures
    assert all((ROOT / path).is_file() for path in pictures)
    block = text.split(readme.BEGIN)[1].split(readme.END)[0]
    assert f"(docs/{readme.PAGE})" in block
    assert "| Baseline" in block
    assert "| `train_base` |" in (ROOT / "docs" / readme.PAGE).read_text()


def test_the_readme_cites_what_the_citation_file_names():
    text, cited = (ROOT / "README.md").read_text(), yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (paper,) = cited["references"]
    names = [author["family-names"] for author in paper["authors"]]
    number = paper["identifiers"][0]["value"].removeprefix("arXiv:")
    for words in (cited["title"], f"version = {{{cited['version']}}}", paper["title"], number, *names):
        assert words in text, words
