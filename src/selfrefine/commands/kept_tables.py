"""The tables of an experiment from the seeds that are kept in git: by the stage make_tables, without data and networks.

It runs in an empty folder, in which the kept files lie under their own paths: what it reads is what was kept.
"""

import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from selfrefine.commands import keep_seeds, snakemake_plan, why
from selfrefine.commands.snakemake_plan import Planned
from selfrefine.core import files, record
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, stage_config
from selfrefine.core.names import PROVENANCE, STAGE_OF_FOLDER
from selfrefine.params import experiment as experiments
from selfrefine.report.summary import words as summary_words
from selfrefine.stages import make_tables

MOST = 12  # changes that are told one by one
SINCE = "since a seed was kept: "


def make(experiment: str, out: Path) -> list[str]:
    """Writes every table, page and figure of the kept seeds, and as config.json what they were made with.

    Args:
        experiment: its name.
        out: a folder, new or not.

    Returns:
        what must be said of them: how many seeds, and what has changed since.

    Raises:
        InputError: no kept seed, or a file that is not what was kept.
    """
    every = keep_seeds.seeds(experiment)
    if not every:
        folder = keep_seeds.FOLDER / experiment
        raise InputError(f"{folder}: no seed is kept; `selfrefine evidence keep` keeps those that are finished")
    abouts = {seed: keep_seeds.checked(keep_seeds.folder_of(experiment, seed)) for seed in every}
    _, jobs = snakemake_plan.plan(experiment)
    tables = keep_seeds.tables_job(jobs)
    listed = [str(seed) for seed in tables.listed.config["select"]["seeds"]]
    seeds = [seed for seed in listed if seed in abouts]
    if not seeds:
        raise InputError(f"{', '.join(every)} are kept, but select.seeds of {experiment} has {', '.join(listed)}")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        lay_out(place, experiment, seeds)
        inputs, absent = given(jobs, tables, seeds, place)
        config = tables.listed.config | {"select": tables.listed.config["select"] | {"seeds": [*map(int, seeds)]}}
        names = {field.name: Path(*tables.outputs[field.name]).name for field in fields(make_tables.Outputs)}
        made = make_tables.Outputs(**{field: place / "made" / name for field, name in names.items()})
        with contextlib.chdir(place):
            make_tables.run(Job(keep_seeds.TABLES, stage_config(make_tables.Config, json.dumps(config)), inputs, made))
        for file in names.values():
            files.write_bytes(out / file, (place / "made" / file).read_bytes())
    files.write_json(out / record.NAME, config)
    return [
        *words(experiment, abouts, seeds),
        *of_one_code(experiment, seeds),
        *(f"absent: {path} was not kept and is not there; the tables are without it" for path in absent),
        *changed(experiment, seeds),
    ]


def lay_out(place: Path, experiment: str, seeds: Sequence[str]) -> None:
    """Puts the files of kept seeds and the records of the jobs behind them into a folder, under their own paths.

    Of what belongs to no seed the last one counts: answers of a study may have come in since the others were kept.
    """
    own = (keep_seeds.ABOUT, keep_seeds.RECORDS, files.SUMS)
    for seed in seeds:
        folder = keep_seeds.folder_of(experiment, seed)
        for name, file in files.visible(folder).items():
            if name not in own:
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                files.write_bytes(place / name, files.read_bytes(file))
        for path, known in files.read_json(folder / keep_seeds.RECORDS).items():
            if not (folder / path).exists():  # it is no file that make_tables reads itself
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(json.dumps(known))


def given(
    jobs: keep_seeds.Jobs, tables: Planned, seeds: Sequence[str], place: Path
) -> tuple[make_tables.Inputs, list[str]]:
    """The inputs of make_tables that belong to these seeds or to none, in the order of its rule.

    Args:
        jobs: all of the experiment.
        tables: the job that makes the tables.
        seeds: that are kept.
        place: where what was kept lies; what no job makes is copied there from the project.

    Returns:
        the inputs, and the paths of those that are not there.
    """
    makes, absent = keep_seeds.seed_of(jobs), list[str]()

    def is_there(path: str) -> bool:
        if not (makes.get(path) or (place / path).exists()) and Path(path).is_file():
            for file in (Path(path), Path(path).with_name(record.NAME)):
                if file.is_file():
                    (place / file).parent.mkdir(parents=True, exist_ok=True)
                    files.write_bytes(place / file, files.read_bytes(file))
        if not (place / path).exists():
            absent.append(path)
        return (place / path).exists()

    values: dict[str, Any] = {}
    hints = get_type_hints(make_tables.Inputs)
    for field in fields(make_tables.Inputs):
        wanted = [path for path in tables.inputs[field.name] if makes.get(path, "") in ("", *seeds)]
        found = tuple(Path(path) for path in wanted if is_there(path))
        if hints[field.name] is Path and not found:
            raise InputError(f"{wanted[0]}: no such file; it is part of the project")
        values[field.name] = found[0] if hints[field.name] is Path else found
    return make_tables.Inputs(**values), absent


def words(experiment: str, abouts: Mapping[str, Mapping[str, Any]], seeds: Sequence[str]) -> Iterator[str]:
    """How many seeds, of which commits, and whether the protocol is still the one that they were kept with."""
    of = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    commits = ", ".join(f"seed {seed} at {abouts[seed]['commit']}" for seed in seeds)
    yield f"{experiment}: tables of {of} ({commits})"
    for seed in (seed for seed in abouts if seed not in seeds):
        yield f"seed {seed} is kept, but not in select.seeds of {experiment}: the tables are without it"
    now = keep_seeds.protocol(experiment)
    for path, digest in now.items():
        since = [seed for seed in seeds if abouts[seed]["protocol"].get(path, "") != digest]
        if since:
            yield f"protocol: {path} has changed since seed {', '.join(since)} was kept"


def of_one_code(experiment: str, seeds: Sequence[str]) -> Iterator[str]:
    """Whether the jobs behind all seeds ran with the same code, each module by its digest; which did not."""
    if len(seeds) < 2:
        return
    first, *others = ((seed, modules(experiment, seed)) for seed in seeds)
    unlike = {seed: sorted({module for module, _ in code ^ first[1]}) for seed, code in others if code != first[1]}
    for seed, names in unlike.items():
        told = f"ran with another {summary_words.listed(names)} than seed {first[0]}"
        yield f"code: seed {seed} {told}: run it again as a whole"
    if not unlike:
        yield f"code: the jobs behind all {len(seeds)} seeds ran with the same {len(first[1])} modules"


def modules(experiment: str, seed: str) -> set[tuple[str, str]]:
    """Every module of the jobs behind a kept seed, with its digest."""
    records = files.read_json(keep_seeds.folder_of(experiment, seed) / keep_seeds.RECORDS).values()
    return {pair for known in records for pair in known[PROVENANCE]["code"].items()}


def changed(experiment: str, seeds: Sequence[str]) -> list[str]:
    """What of params and code is not as it was when the jobs behind these seeds ran, each with its number of jobs."""
    params, _ = experiments.read_params(Path(), experiment)
    found: Counter[str] = Counter()
    for seed in seeds:
        for path, known in files.read_json(keep_seeds.folder_of(experiment, seed) / keep_seeds.RECORDS).items():
            provenance = known.pop(PROVENANCE)
            folder = Path(path).parts[1]
            made = why.Made(STAGE_OF_FOLDER.get(folder, folder), Path(path), known, provenance)
            outputs = {str(made.record.parent / name) for name in provenance["outputs"]}  # of none a file is needed
            told = why.changes(made, params, (), outputs)
            found.update(line for line in told if line.startswith(("params:", "code:")))
    lines = [f"{SINCE}{line} ({count} jobs)" for line, count in found.most_common(MOST)]
    more = len(found) - len(lines)
    return [*lines, f"{SINCE}{more} more changes of params and code"] if more else lines
