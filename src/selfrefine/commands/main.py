"""The command `selfrefine`: a subcommand for all that a person asks of the project beside the workflow's own engines.

A subcommand is a module here with `HELP` (what it needs, what it makes, an example), `add_arguments(parser)` and
`run(arguments)`. It is imported only when it is asked for, so that `selfrefine --help` answers at once.
"""

import importlib
import os
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from selfrefine.commands.arguments import Parser
from selfrefine.core import devices
from selfrefine.core.errors import DISK_ERRORS, InputError
from selfrefine.params.words import nearest

BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit codes: the last two are a shell's, 128 + the signal's number


class Command(NamedTuple):
    """A subcommand: its module here, and what it does in a line."""

    module: str
    summary: str


COMMANDS = {
    "plan": Command("plan", "tells what an experiment will take: jobs, FLOPs, hours, disk and memory of each stage"),
    "rehearse": Command("rehearse", "runs the paper's scale in a few steps of each stage, in a folder of its own"),
    "photographs": Command("fetch_photographs", "downloads the photographs that an experiment trains on"),
    "refine": Command("refine", "refines your pipeline on your images, beside a baseline, and compares both"),
    "sample": Command("sample", "makes images with a trained model, from a prompt if it takes one"),
    "inpaint": Command("inpaint", "fills the hole in an image of yours with a trained model"),
    "highlight": Command("highlight", "finds flaws in a folder of generated images, beside one of photographs"),
    "study": Command("study", "asks people where they see flaws: a page to pick cells on, its server, its data"),
    "why": Command("why", "says which module, param or input of an output changed since it was made"),
    "list-jobs": Command("list_jobs", "lists the jobs of every stage for DVC: what each follows from"),
    "update-stage": Command("update_stage", "makes the outputs of a stage for DVC, if they are not up to date"),
    "bench": Command("bench", "measures on this machine what refinement costs and how fast it is"),
    "check-gpu": Command("check_gpu", "measures a GPU in five minutes: speed, memory, precision, kill and resume"),
    "fidelity": Command("fidelity", "compares the flaw maps of cheaper refreshes with that of a full one"),
    "evidence": Command("evidence", "keeps finished seeds in git, and makes tables and findings of what is kept"),
    "readme": Command("readme", "writes the results of the last run into README.md and docs/"),
}


def overview() -> str:
    """What `selfrefine --help` prints."""
    lines = [f"  {name:<12} {command.summary}" for name, command in COMMANDS.items()]
    head = "selfrefine COMMAND [OPTIONS], in the project's folder; `make all` or `snakemake` runs an experiment.\n"
    foot = "\n`selfrefine COMMAND --help` says what a command needs and what it makes, with an example."
    return "\n".join([head, *lines, foot])


def parser(name: str) -> Parser:
    """The command line of a subcommand, whose module this imports."""
    module, summary = importlib.import_module(f"{__package__}.{COMMANDS[name].module}"), COMMANDS[name].summary
    found = Parser(
        prog=f"selfrefine {name}",
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{module.HELP.strip()}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    found.set_defaults(run=module.run)
    module.add_arguments(found)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Runs a command line, that of the process if none is given.

    Exits with 2 and one line on bad arguments or input, with 130 and one line when it is interrupted, and with 141
    in silence when nobody reads what it prints.
    """
    given = sys.argv[1:] if words is None else words
    program = f"selfrefine {given[0]}" if given and given[0] in COMMANDS else "selfrefine"
    try:
        try:
            _run(given)
        finally:
            sys.stdout.flush()
    except InputError as error:
        _end(BAD_INPUT, f"{program}: {error}")
    except KeyboardInterrupt:
        _end(INTERRUPTED, f"{program}: interrupted")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        if error.filename is None and error.errno not in DISK_ERRORS:
            raise
        where = "" if error.filename is None else f"{error.filename}: "
        _end(BAD_INPUT, f"{program}: {where}{DISK_ERRORS.get(error.errno or 0, error.strerror)}")


def _run(words: Sequence[str]) -> None:
    if not words:
        raise InputError(f"no command given; known: {', '.join(COMMANDS)}; `selfrefine --help` says what each does")
    name, *rest = words
    if name in ("-h", "--help"):
        print(overview())
        return
    if name not in COMMANDS:
        raise InputError(f"{name} is no command{nearest(name, COMMANDS)}")
    arguments = parser(name).read(rest)
    devices.set_threads(devices.processors())
    arguments.run(arguments)


def _end(code: int, line: str) -> NoReturn:
    print(line, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
