"""Why a job runs again: which param, module, input or output is not what the record of the job says (core/record.py).

Snakemake asks the same (commands/records.py): what this command says of a job is why it runs.
"""

import argparse
import json
import os
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from selfrefine.core import config_json, files, record
from selfrefine.core.errors import InputError
from selfrefine.core.names import CONTENTS, FORK, ROOMS, STAGE_OF_FOLDER
from selfrefine.data import user_files
from selfrefine.params import check, code_digest, experiment, job_config, model_kinds, one_table, strict_yaml

HELP = """
Needs: an output that a job has made, and the params of the folder it runs in.
Makes: a line for each module, param or input that has changed since, also of the jobs that made its inputs.

Example, after `make all`:
  selfrefine why results/tables/embedded/table2.csv
"""
UNSHARED = "fetch_"  # how the stages begin whose outputs belong to all experiments
LONGEST = 60  # characters of a value that are shown

Params = Mapping[str, Any]


class Made(NamedTuple):
    """A job that has run: its stage, and what its record holds: its config, and digests by kind and name."""

    stage: str
    record: Path
    config: dict[str, Any]
    provenance: dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("output", type=Path, help="a file or folder that a job makes: results/tables/smoke/table2.csv")


def run(arguments: argparse.Namespace) -> None:
    """Prints a line for each change, or that there is none; in the project's folder.

    Raises:
        InputError: no output of a job, or params that cannot be read.
    """
    for line in lines(Path(os.path.relpath(arguments.output))):
        print(line)


def lines(output: Path) -> Iterator[str]:
    """What has changed since a job made an output, then the same of the jobs that made its inputs, and so on.

    Args:
        output: relative to the project's folder, which is the working folder.
    """
    found = differences(output)
    yield from found or [f"nothing changed since {output} was made: snakemake has nothing to do for it"]


def differences(output: Path) -> list[str]:
    """`lines`, none where nothing has changed.

    Raises:
        InputError: no output of a job, or params that cannot be read.
    """
    stage = _stage(output)
    if stage is None:
        raise InputError(f"{output}: not made by a job; name a file below {', '.join(f'{room}/' for room in ROOMS)}")
    name = None if stage.startswith(UNSHARED) else output.parts[2].partition("-")[0]  # of one table: embedded-table2
    params, _ = experiment.read_params(Path(), name)
    made = job_of(output)
    if made is None or not output.exists():
        return [_unmade(output, stage, name)]
    upstream = Counter((job.stage, line) for job in _before(made) for line in changes(job, params))
    before = [
        f"before that, {stage}{f' ({jobs} jobs)' if jobs > 1 else ''}: {line}"
        for (stage, line), jobs in upstream.items()
    ]
    gone = (f"input: {path} is gone; `snakemake -n {output}` says whether it would be the same" for path in _gone(made))
    return [*changes(made, params), *before, *gone]


def changes(
    made: Made, params: Params, inputs: Iterable[str] | None = None, stale: Collection[str] = ()
) -> Iterator[str]:
    """A line for each param, module, input and output of a job that is not what it was; none of what is missing.

    Args:
        inputs: that the job would have now; without them only those count that it had.
        stale: outputs whose local copies do not count, since a store has newer ones.
    """
    names = made.config["names"]
    if gone := [f"{key} {name}" for key, name in names.items() if not _is_known(params, key, name)]:
        yield f"params: there is no {' and no '.join(gone)} any more"
        return
    config = user_files.watched(made.stage, one_table.job(params, made.stage, names), made.record)
    given = list(user_files.folders_of(made.stage, config).values())
    yield from _changed_params(made, json.loads(config_json.to_json(config)), given)
    old, new = made.provenance["code"], code_digest.modules(made.stage, model_kinds.family(params, names))
    for module in sorted(module for module in old | new if old.get(module) != new.get(module)):
        yield f"code: {module} {'is gone' if module not in new else 'changed' if module in old else 'was added'}"
    recorded = {path: digest for path, digest in made.provenance["inputs"].items() if not _is_in(path, given)}
    now = {path: path for path in recorded} if inputs is None else {str(Path(path)): path for path in inputs}
    for path in sorted(path for path in now if path not in recorded and not _is_in(path, given)):
        yield f"input: {path} was added"
    for path, digest in recorded.items():
        if path not in now:
            yield f"input: {path} is none any more"
        elif digest_of_input(Path(path)) not in (None, digest):
            yield f"input: {path} changed"
    outputs = {str(made.record.parent / name): digest for name, digest in made.provenance["outputs"].items()}
    for path, digest in record.present(Path(path) for path in outputs if path not in stale).items():
        if digest != outputs[path]:
            yield f"output: {path} changed since it was made"


def _gone(made: Made) -> Iterator[str]:
    """Inputs of a job of which neither the file nor a record is left."""
    return (path for path in made.provenance["inputs"] if digest_of_input(Path(path)) is None)


def _changed_params(made: Made, config: dict[str, Any], given: Sequence[Path]) -> Iterator[str]:
    """A line for each leaf of a job's config that is not as recorded."""
    if config == made.config:
        return
    before, after = _leaves(made.config), _leaves(config)
    for leaf in sorted(leaf for leaf in before | after if _text(before, leaf) != _text(after, leaf)):
        if leaf == CONTENTS:
            yield f"input: the files in {' or '.join(map(str, given))} changed"
            continue
        was, now = (textwrap.shorten(_text(leaves, leaf), LONGEST, placeholder="...") for leaves in (before, after))
        yield f"params: {_full_name(made.stage, leaf)} was {was}, is {now}"


def _is_in(path: str, folders: Iterable[Path]) -> bool:
    """Whether a file is one of a folder of the user, which counts as a whole."""
    return any(Path(path).is_relative_to(folder) for folder in folders)


def digest_of_input(path: Path) -> str | None:
    """The digest of an input: as the job that made it recorded, else of what is there; None of nothing."""
    return record.made(path) or record.present([path]).get(str(path))


def job_of(path: Path) -> Made | None:
    """The job that made a file or folder, from the nearest record of a job above it; None if there is none."""
    stage = _stage(path)
    for place in (folder / record.NAME for folder in ([path, *path.parents] if stage else [])):
        if (known := record.read(place)) and stage:
            return Made(stage, place, *known)
    return None


def _before(made: Made) -> Iterator[Made]:
    """The jobs that made the inputs of a job, then those that made theirs, each once."""
    seen, waiting = {made.record}, [made]
    for job in waiting:
        for path in job.provenance["inputs"]:
            found = job_of(Path(path))
            if found is not None and found.record not in seen:
                seen.add(found.record)
                waiting.append(found)
                yield found


def _stage(path: Path) -> str | None:
    """The stage whose outputs lie where a path does."""
    if len(path.parts) < 3 or path.parts[0] not in ROOMS:
        return None
    stage = STAGE_OF_FOLDER.get(path.parts[1], path.parts[1])
    return stage if _rule(stage).is_file() else None


def _rule(stage: str) -> Path:
    return Path("workflow", "rules", f"{stage}.smk")


def _unmade(output: Path, stage: str, name: str | None) -> str:
    """That an output is not there, or not whole, and what makes it."""
    if output.is_dir() and any(record.read(place) for place in output.rglob(record.NAME)):
        raise InputError(f"{output}: holds the outputs of several jobs; name one of them")
    if f'/{output.name}"' not in files.read_bytes(_rule(stage)).decode():
        raise InputError(f"{output}: {stage} makes no {output.name}; see {_rule(stage)}")
    other = f" --config experiment={name}" if name not in (None, strict_yaml.read(check.PARAMS)["experiment"]) else ""
    state = "has no record beside it: its job did not end" if output.exists() else "is missing"
    return f"{output} {state}; `snakemake --cores 1 --resources gpu=1 {output}{other}` makes it"


def _is_known(params: Params, wildcard: str, name: str) -> bool:
    """Whether the row that a wildcard names is still there."""
    sections = [section for section, key in job_config.ROWS.items() if key == wildcard]
    return not sections or name == FORK or any(name in params[section] for section in sections)


def _leaves(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The leaves of nested mappings, by their names joined with dots."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        found |= _leaves(value, f"{above}{key}.") if isinstance(value, Mapping) and value else {f"{above}{key}": value}
    return found


def _full_name(stage: str, leaf: str) -> str:
    """A leaf of a job's config as params.yaml knows it."""
    first = leaf.partition(".")[0]
    if first in ("experiment", "select", "rows", "lacks"):
        return leaf
    stage = "make_tables" if stage == one_table.STAGE else stage  # whose numbers it has
    section = job_config.section_of(stage, first)
    return f"{'select' if stage in job_config.READERS.get(first, ()) else section}.{leaf}"


def _text(leaves: Mapping[str, Any], leaf: str) -> str:
    return json.dumps(leaves[leaf]) if leaf in leaves else "not there"
