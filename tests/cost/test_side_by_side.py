"""A run on other numbers of cores: closed forms, bounds, and a run as its files are written."""

import itertools
from pathlib import Path

import pytest

from selfrefine.core import files, record
from selfrefine.cost import side_by_side
from selfrefine.cost.side_by_side import Done


def job(name, seconds, *needs):
    return Done(Path(name), name, seconds, tuple(map(Path, needs)))


CHAIN = [job("a", 1), job("b", 2, "a"), job("c", 4, "b")]
APART = [job(name, 3) for name in "abcdef"]
# One long job, and a chain beside it that must start first.
MIXED = [job("long", 5), job("x", 2), job("y", 2, "x"), job("z", 2, "y"), job("w", 1)]


@pytest.mark.parametrize(
    ("jobs", "cores", "seconds"),
    [
        ([], 2, 0),
        *((CHAIN, cores, 7) for cores in (1, 2, 8)),
        *((APART, cores, seconds) for cores, seconds in ((1, 18), (2, 9), (4, 6), (6, 3), (16, 3))),
        (MIXED, 1, 12),
        (MIXED, 2, 6),
        (MIXED, 3, 6),
    ],
)
def test_closed_forms(jobs, cores, seconds):
    assert side_by_side.makespan(jobs, cores) == seconds


@pytest.mark.parametrize("seed", range(20))
def test_never_under_the_bounds_and_never_over_one_core(seed):
    import random

    draw = random.Random(seed)
    names = [f"j{index}" for index in range(30)]
    jobs = [
        job(name, draw.randint(1, 9), *draw.sample(names[:index], min(index, draw.randint(0, 3))))
        for index, name in enumerate(names)
    ]
    total, chain = sum(job.seconds for job in jobs), sum(job.seconds for job in side_by_side.longest_chain(jobs))
    times = [side_by_side.makespan(jobs, cores) for cores in (1, 2, 4, 8, 64)]
    assert times[0] == total
    assert times[-1] == chain
    for cores, time in zip((1, 2, 4, 8, 64), times, strict=True):
        assert max(chain, total / cores) <= time <= total / cores + chain  # Graham's bound of any such schedule


def test_the_longest_chain_is_named_in_its_order():
    assert [done.stage for done in side_by_side.longest_chain(MIXED)] == ["x", "y", "z"]
    for first, second in itertools.pairwise(side_by_side.longest_chain(CHAIN)):
        assert first.record in second.needs


@pytest.fixture
def root(tmp_path, monkeypatch):
    """What three jobs of an experiment leave, one that fetched, and one of another experiment."""
    monkeypatch.chdir(tmp_path)
    run = {
        "data/fetch_data/source/images": ("fetch_data/source", 1, []),
        "data/prepare_data/run/set/train/images.npy": ("prepare_data/run/set", 2, ["data/fetch_data/source/images"]),
        "models/train_base/run/set/m/pipeline": (
            "train_base/run/set/m",
            30,
            ["data/prepare_data/run/set/train/images.npy"],
        ),
        "results/tables/run/table.csv": ("make_tables/run", 4, ["models/train_base/run/set/m/pipeline"]),
        "results/tables/other/table.csv": ("make_tables/other", 500, []),
    }
    for output, (place, seconds, inputs) in run.items():
        path = Path(output)
        files.write_text(path, output)
        kept = (path.parents[1] if path.parent.name == "train" else path.parent) / record.NAME
        record.write(kept, {"names": {}}, {}, dict.fromkeys(inputs, "0"), [path])
        files.write_text(Path("benchmarks", f"{place}.tsv"), f"s\th:m:s\n99\t0\n{seconds}\t0\n")
    return Path()


def test_a_finished_run_is_read_from_its_records_and_benchmarks(root):
    jobs = side_by_side.finished(root, "run")
    assert {done.stage: done.seconds for done in jobs} == {
        "fetch_data": 1,
        "prepare_data": 2,
        "train_base": 30,
        "make_tables": 4,
    }
    assert [done.stage for done in side_by_side.longest_chain(jobs)] == [
        "fetch_data",
        "prepare_data",
        "train_base",
        "make_tables",
    ]
    words = side_by_side.words(jobs)
    assert "0.6, 0.6, 0.6, 0.6, 0.6 minutes on 1, 2, 4, 8, 16 cores" in words
    assert "`train_base` 30 s -> `make_tables` 4 s" in words


def test_without_a_run_there_is_nothing_to_say(tmp_path):
    assert side_by_side.words(side_by_side.finished(tmp_path, "run")) == ""
