"""How a stage runs: command line, threads, device, one line when something is wrong. Only this module reads argv."""

import argparse
import functools
import hashlib
import importlib.util
import json
import os
import re
import resource
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Generic, TypeVar, get_type_hints

from selfrefine.core import config_json, devices, record, stopping
from selfrefine.core import scratch as core_scratch
from selfrefine.core.errors import DISK_ERRORS, DamagedError, InputError
from selfrefine.core.names import ROOMS

ConfigT = TypeVar("ConfigT")
InputsT = TypeVar("InputsT")
OutputsT = TypeVar("OutputsT")


@dataclass(frozen=True)
class Job(Generic[ConfigT, InputsT, OutputsT]):
    """One run of a stage: its frozen config, its files (dataclasses of Path or tuples), the digest of its code."""

    name: str
    config: ConfigT
    inputs: InputsT
    outputs: OutputsT
    code: str = "library"

    @property
    def label(self) -> str:
        """Stage and wildcards, for progress lines: "train_base fashion_mnist ddpm seed0"."""
        names: dict[str, str] = getattr(self.config, "names", {})
        return " ".join([self.name, *(f"seed{v}" if k == "seed" else v for k, v in names.items())])

    @functools.cached_property
    def digests(self) -> record.Digests:
        """The digest of each input, checked against the record of the job that made it (`record.check`)."""
        return record.check(_paths(self.inputs))

    @functools.cached_property
    def key(self) -> str:
        """Digest of everything that decides the result: config, code, the bytes of the inputs, and what computes."""
        machine = devices.deciding(getattr(self.config, "device", ""), getattr(self.config, "precision", ""))
        parts = [config_json.to_json(self.config), self.code, *self.digests.values(), *machine]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def scratch(self) -> AbstractContextManager[Path]:
        """The job's own scratch folder (see `scratch.scratch`)."""
        return core_scratch.scratch(_paths(self.outputs)[0], self.key)


def _paths(named: Any) -> list[Path]:
    """All paths of a dataclass of Path and tuple[Path, ...] fields, in order."""
    values = [getattr(named, field.name) for field in fields(named)]
    return [path for value in values for path in (value if isinstance(value, tuple) else (value,))]


def main(run: Callable[[Any], None], config_type: type | UnionType, inputs_type: type, outputs_type: type) -> None:
    """Runs one stage: `--config JSON --code DIGEST --record config.json` and one option per input and output.

    The config's `threads` are for this module, all else of it for the stage.

    Exits with 1 and one line on bad input. The record is written after the outputs; `--modules` gives it the digests of
    the code's modules. Meanwhile no other job can write the same outputs.
    """
    name = Path(sys.argv[0]).stem
    arguments = _parse(name, inputs_type, outputs_type)
    try:
        given = json.loads(arguments.config)
        if "threads" in given:
            devices.set_threads(given["threads"])
        text = json.dumps({key: value for key, value in given.items() if key != "threads"})
        config: Any = config_json.from_json(config_type, text)
        job: Job[Any, Any, Any] = Job(
            name, config, _collect(inputs_type, arguments), _collect(outputs_type, arguments), arguments.code
        )
        with core_scratch.lock(_paths(job.outputs)[0]):
            arguments.record.unlink(missing_ok=True)
            modules = json.loads(arguments.modules or "{}")
            lineage = record.lineage(given, job.code, record.origins(job.digests))
            with stopping.allowed():
                run(job)
            record.write(arguments.record, given, modules, job.digests, _paths(job.outputs), lineage)
        print(f"{job.label}: peak memory {_peak_mib():.0f} MiB", flush=True)
    except DamagedError as error:
        sys.exit(f"{name}: {error}{_remedy(error.path)}")
    except InputError as error:
        sys.exit(f"{name}: {error}")
    except (FileExistsError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
        sys.exit(f"{name}: {error.filename}: {error.strerror}; nothing was written: mend it and run the same command")
    except Exception as error:
        number = _system_error(error)
        if number not in DISK_ERRORS:
            raise
        where, message = arguments.record.parent, DISK_ERRORS[number]
        sys.exit(f"{name}: {where}: {message}; mend it and run the same command: it goes on where it stopped")


def _remedy(path: Path) -> str:
    """What to do about a damaged file: only what a stage of this workflow made is made again."""
    own = Path(os.path.relpath(path)).parts
    made = len(own) > 2 and own[0] in ROOMS and importlib.util.find_spec(f"selfrefine.stages.{own[1]}") is not None
    return (
        "; run the same command, which makes it again" if made else "; put a whole one there, since no stage makes it"
    )


def _system_error(error: Exception) -> int | None:
    """The operating system's number of an error; safetensors tells it only in its text: "(os error 28)"."""
    message = re.search(r"\(os error (\d+)\)", str(error))
    return int(message[1]) if message else getattr(error, "errno", None)


def _peak_mib() -> float:
    """The greatest resident memory of this process, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _parse(name: str, inputs_type: type, outputs_type: type) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m selfrefine.stages.{name}", allow_abbrev=False)
    parser.add_argument("--config", required=True, help="the job's config as JSON")
    parser.add_argument("--code", default="library", help="digest of the code, part of the key of a checkpoint")
    parser.add_argument("--modules", default="", help="the digest of each module of the code as JSON, for the record")
    parser.add_argument("--record", required=True, type=Path, help="where the config is kept beside the outputs")
    for kind in (inputs_type, outputs_type):
        hints = get_type_hints(kind)
        for field in fields(kind):
            many = hints[field.name] is not Path
            parser.add_argument(f"--{field.name}", required=True, type=Path, nargs="*" if many else None)
    return parser.parse_args()


def _collect(kind: type, arguments: argparse.Namespace) -> Any:
    values = {field.name: getattr(arguments, field.name) for field in fields(kind)}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
