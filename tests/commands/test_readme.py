"""The README's numbers come from a run."""

import re
from pathlib import Path

import pytest

from selfrefine.commands import readme
from selfrefine.core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path) -> Path:
    """A project after a run: a table, figures, benchmarks of two experiments."""
    texts = {
        "README.md": f"before\n{readme.BEGIN}\nold numbers\n{readme.END}\nafter\n",
        **{f"results/tables/embedded/{name}.md": f"# {name}\n" for name in readme.PAGES},
        "results/tables/embedded/table2.md": "# Table 2\n\n## DDPM\n\n### A\n\n| FD | 1.5 |\n\n### B\n\n| FD | 7 |\n",
        "benchmarks/train_base/embedded/d/m/seed0.tsv": "s\n100.4\n",
        "benchmarks/train_base/smoke/d/m/seed0.tsv": "s\n5\n",
        "benchmarks/make_tables/embedded.tsv": "s\n1.2\n",
        "benchmarks/fetch_data/fashion_mnist.tsv": "s\n7\n",
        "logs/train_base/embedded/d/m/seed0.log": "peak memory 900 MiB\n",
        "logs/train_base/smoke/d/m/seed0.log": "peak memory 5000 MiB\n",
        "logs/make_tables/embedded.log": "peak memory 81 MiB\n",
        "logs/fetch_data/fashion_mnist.log": "peak memory 300 MiB\n",
        **{f"results/{room}/embedded/{name}": name for room, names in readme.FIGURES.items() for name in names},
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_block_is_replaced_and_the_rest_kept(project):
    readme.write(project, "embedded")
    once = (project / "README.md").read_text()
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old numbers" not in once
    assert "#### Table 2" in once
    assert "##### DDPM" in once
    assert "| FD | 1.5 |" in once
    assert "| FD | 7 |" not in once, "the second feature space stands in the page alone"
    assert (project / "docs" / "figure4.png").read_text() == "figure4.png"
    assert "### B" in (project / "docs" / "table2.md").read_text()
    assert all((project / link).is_file() for link in re.findall(r"\((docs/[^)]+)\)", once))
    readme.write(project, "embedded")
    assert (project / "README.md").read_text() == once


def test_pages_of_the_bench_are_linked_where_it_was_run(project):
    readme.write(project, "embedded")
    assert "docs/bench.md" not in (project / "README.md").read_text()
    for name in ("bench.md", "cost.png"):
        (project / "results" / "bench").mkdir(exist_ok=True)
        (project / "results" / "bench" / name).write_text(name)
    readme.write(project, "embedded")
    text = (project / "README.md").read_text()
    assert "[bench](docs/bench.md)" in text
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


def test_what_is_missing_is_told_and_nothing_is_copied(project):
    (project / "results" / "tables" / "embedded" / "forest.png").unlink()
    with pytest.raises(InputError, match=r"forest\.png: no such file; run `make all EXPERIMENT=embedded` first"):
        readme.write(project, "embedded")
    assert not (project / "docs").exists()
    with pytest.raises(InputError, match="no benchmark of experiment small; run `make all` first"):
        readme.time_table(project / "elsewhere", "small")
    (project / "README.md").write_text("no block")
    with pytest.raises(InputError, match="no block between"):
        readme.write(project, "embedded")


def test_pictures_of_the_readme_are_there_and_its_numbers_written_by_a_run():
    text = (ROOT / "README.md").read_text()
    assert all((ROOT / path).is_file() for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text))
    block = text.split(readme.BEGIN)[1].split(readme.END)[0]
    assert "Experiment embedded:" in block
    assert "| `train_base` |" in block
