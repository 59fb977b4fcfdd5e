"""Snakemake's command under its own name, so that `snakemake --cores 1 --resources gpu=1 all` works as it stands.

In stock Snakemake 9 the options --resources and --config take every word up to the next option, so a target behind
them is read as a resource. Here words without `=` behind these options move to the front; all else is untouched. And a
second run in the same folder ends at once, with one line that names the first.
"""

import os
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from selfrefine.commands import run_stage
from selfrefine.core import locks
from selfrefine.core.errors import InputError
from selfrefine.params import experiment, strict_yaml

# Options whose values are all of the form NAME=VALUE, under every name that Snakemake gives them.
ASSIGNING = frozenset({"--resources", "--res", "--config", "-C"})
# Options that look or mend but run no job: they may be used beside a run.
NO_RUN = (
    *("--dry", "--unlock", "--nolock", "--lint", "--list", "--summary", "--report", "--dag", "--rulegraph"),
    *("--filegraph", "--d3dag", "--print-compilation", "--version", "--help"),
)
# The same of one letter, and all of one letter that take no value: several may stand in one word, as in -np.
NO_RUN_LETTERS, LETTERS = frozenset("nlSDhv"), frozenset("DFSafhklnptv")
LOCKED = (
    "snakemake: another Snakemake runs here, or one was killed; wait for it or stop it, and if there is none, say "
    "`snakemake --unlock`"
)


def targets_first(arguments: Sequence[str]) -> list[str]:
    """Moves targets that stand behind --resources or --config to the front.

    Args:
        arguments: the words behind the command's name.

    Returns:
        the same words: first those without `=` between such an option and the next one, then all others in their order.
    """
    targets: list[str] = []
    rest: list[str] = []
    assigning = False
    for word in arguments:
        if word.startswith("-"):
            assigning = word in ASSIGNING
        moved = assigning and not word.startswith("-") and "=" not in word
        (targets if moved else rest).append(word)
    return targets + rest


def stop_at_unreadable(arguments: Sequence[str]) -> None:
    """Ends with one line at what `--config` or `--configfile` gives and our reader does not take.

    The Snakefile reads both in the same way, but after Snakemake, which runs Python that stands in such a file, and
    shows a traceback for a name with dots.
    """
    option = ""
    try:
        for word in arguments:
            name, assigned, value = word.partition("=")
            option, given = (name, value if assigned else None) if word.startswith("-") else (option, word)
            if given and option.startswith("--configf"):
                strict_yaml.read(Path(given))
            elif given and option in ("--config", "-C"):
                experiment.given_words([given])
    except InputError as error:
        sys.exit(f"snakemake: {error}")


def runs_jobs(arguments: Sequence[str]) -> bool:
    """Whether these arguments run anything here: not with an option that only looks, nor without a Snakefile."""
    return Path("Snakefile").is_file() and not any(map(_only_looks, arguments))


def _only_looks(word: str) -> bool:
    letters = set(word[1:]) if word.startswith("-") else set()
    return word.startswith(NO_RUN) or (letters <= LETTERS and bool(letters & NO_RUN_LETTERS))


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Holds the folder for one run; ends the program with one line while another run holds it, or if none can run here.

    Snakemake has a lock of its own, but tells it in many lines, and two runs that start together can both pass it.

    Args:
        folder: where Snakemake runs.
    """
    with ExitStack() as stack:
        try:
            left = stack.enter_context(locks.hold(folder / ".snakemake" / "run.lock"))
        except locks.HeldError as holder:
            sys.exit(f"snakemake: {holder} is running here; wait for it, or stop it")
        except OSError as error:
            where = error.filename or folder
            sys.exit(f"snakemake: {where}: {error.strerror}; a run writes into the folder that it runs in")
        if left:  # by a run that was killed: its own locks would have to be removed by hand
            shutil.rmtree(folder / ".snakemake" / "locks", ignore_errors=True)
        yield


@contextmanager
def _lines() -> Iterator[None]:
    """Lets a run of this project speak in lines for people; any other workflow speaks as Snakemake does."""
    if not Path("params.yaml").is_file():
        yield
        return
    from selfrefine.commands import run_lines  # which needs Snakemake

    lines = run_lines.install()
    try:
        yield
    finally:
        lines.end()


def look_again_once() -> None:
    """Lets at most one timer wait that makes Snakemake look for jobs which may start.

    For its limit of jobs a second Snakemake starts one at every look, and each of them ends in a look, as the end of a
    job does. So looks add up over a run, and each reads the params of all jobs that are ready.
    """
    from snakemake.scheduling.job_scheduler import JobScheduler

    waiting = threading.Event()

    def schedule(scheduler: JobScheduler, delay: float) -> None:
        def look() -> None:
            waiting.clear()
            scheduler._open_jobs.release()

        if not waiting.is_set():
            waiting.set()
            timer = threading.Timer(delay, look)
            timer.daemon = True
            timer.start()

    JobScheduler._schedule_reevalutation = schedule


def main() -> None:
    """Runs Snakemake with this environment's programs first in PATH: rules find its Python without activation."""
    from snakemake import exceptions
    from snakemake.cli import main as snakemake

    exceptions.LockException = lambda: SystemExit(LOCKED)  # its own tells in six lines how to unlock what may be in use
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    sys.argv[1:] = targets_first(sys.argv[1:])
    if Path("params.yaml").is_file():
        stop_at_unreadable(sys.argv[1:])
    if not runs_jobs(sys.argv[1:]):
        snakemake()
        return
    look_again_once()
    with only_run(Path()), run_stage.server(), _lines():
        snakemake()
