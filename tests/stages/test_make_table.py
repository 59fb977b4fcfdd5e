"""One table alone, of fewer inputs: the same bytes as make_tables writes, or words on what is not there."""

import functools

import pandas as pd
import pytest

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.params import one_table
from selfrefine.stages import make_table, make_tables
from tests.support import tiny_tables
from tests.support.tiny_metrics import FD, PAPER, published

# What each input is made by; those that are not here are read by every table.
MADE_BY = {
    "generation": "evaluate_generation",
    "inpainting": "evaluate_inpainting",
    "prompts": "evaluate_prompts",
    "refined": "train_refined",
    "refreshes": "train_refined",
    "scales": "choose_eps_scale",
}


@pytest.fixture
def job(tmp_path):
    """Builds a job of make_tables with a row for each table."""
    return functools.partial(tiny_tables.build, tmp_path, fd=FD | {"edge": 9.6})


def alone(built, table, lacks=()):
    """The job of a table alone, on those files of a job of all tables that it reads."""
    kept = one_table.stages(table)
    inputs = {
        name: paths if MADE_BY.get(name, "evaluate_highlighter") in kept else ()
        for name, paths in vars(built.inputs).items()
        if name not in make_table.OTHERS
    }
    config = make_table.Config(**vars(built.config) | {"names": {"table": table}, "lacks": tuple(lacks)})
    folder = built.outputs.table1_csv.parent / "alone"
    folder.mkdir(exist_ok=True)
    outputs = make_table.Outputs(folder / f"{table}.csv", folder / f"{table}.md")
    return Job("make_table", config, make_table.Inputs(**inputs), outputs)


def test_each_table_alone_has_the_bytes_that_make_tables_writes(job):
    built = job(latent=True, scaled=True)
    seven = [published("table7", row, "fid", fid) for row, fid in (("edge", 8.739), ("both", 8.369))]
    files.write_table(built.inputs.paper, pd.DataFrame([*PAPER, *seven]))
    make_tables.run(built)
    for table in one_table.TABLES:
        one = alone(built, table)
        make_table.run(one)
        for kind in ("csv", "md"):
            whole = getattr(built.outputs, f"{table}_{kind}").read_bytes()
            assert getattr(one.outputs, kind).read_bytes() == whole, (table, kind)
            assert len(whole.splitlines()) > 2


def test_its_page_ends_with_what_that_of_the_whole_experiment_has_besides(job):
    built = job(seeds=1)
    one = alone(built, "table2", ["Tiny DDPM on Flowers", "Tiny DDPM on Church"])
    make_table.run(one)
    ending = one.outputs.md.read_text().partition("## Not on this page\n")[2]
    assert ending.endswith("\n- Tiny DDPM on Flowers\n- Tiny DDPM on Church\n")


def test_where_nothing_of_a_table_runs_one_line_says_so(job):
    built = alone(job(seeds=1), "table5")
    empty = make_table.Inputs(**dict.fromkeys(vars(built.inputs), ()) | {"paper": built.inputs.paper})
    with pytest.raises(InputError, match=r"^nothing of table5 runs in the experiment smoke; see `select`"):
        make_table.run(Job("make_table", built.config, empty, built.outputs))
    assert not built.outputs.csv.exists()
