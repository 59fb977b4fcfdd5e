"""A run that people can watch: one line when a job starts and one when it ends, between the jobs' own lines.

All else that Snakemake says of a run is in its log below .snakemake/log, whose path stands at the end. Its own words
come to the terminal for who asks for them: with --printshellcmds (-p), --verbose, --debug-dag or --quiet, and in a dry
run.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from snakemake import api
from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.logging import DefaultFormatter, LoggerManager
from snakemake_interface_logger_plugins.common import LogEvent

from selfrefine.commands import run_results
from selfrefine.cost import time_left
from selfrefine.params import measured_jobs

# What Snakemake says when it is asked to end, at once or after the jobs that run.
STOPPING = ("Terminating processes on user request", "Will exit after finishing currently running jobs")
# What Snakemake says of a failed job before its own event, and of all at the end.
OF_A_COMMAND = "RuleException:\nCalledProcessError"
OF_FAILURES = ("Exiting because a job execution failed", "WorkflowError:\nAt least one job did not complete")


class RunLines(logging.Handler):
    """Turns what Snakemake logs of a run into lines for people.

    Args:
        stream: where they go; standard error, as Snakemake's own.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(logging.INFO)
        self.stream = stream
        self.setFormatter(DefaultFormatter())
        self.workflow: Any = None  # both are set by `follow`, while the Snakefile is read
        self.experiment = ""
        self.log: Path | None = None  # Snakemake's own
        self.nothing = False  # to be done
        self.stopping = False  # somebody asked
        self.began = 0.0
        self.jobs: dict[int, Path] = {}  # those to be done, by their numbers: their records
        self.left = time_left.TimeLeft((), 1)
        self.labels: dict[int, str] = {}  # of those that have started
        self.done = 0
        self.failed: dict[int, str] = {}  # a line of each

    def emit(self, record: logging.LogRecord) -> None:
        """Prints what there is to say of a record."""
        try:
            for line in self._lines(record, getattr(record, "event", None)):
                self._print(line)
        except Exception:
            self.handleError(record)

    def end(self) -> None:
        """Says how the run ended: what failed, a line each and last; or what it found."""
        where = f"Snakemake's own log is {self.log}"
        if self.failed:
            self._print(f"{len(self.failed)} failed, {self.done} of {len(self.jobs)} jobs done; {where}")
            for line in self.failed.values():
                self._print(line)
        elif self.done < len(self.jobs) and self.labels:
            self._print(f"{self.done} of {len(self.jobs)} jobs done; the same command goes on; {where}")
        elif self.nothing or self.labels:
            if self.labels:
                self._print(f"{self.done} jobs done in {time_left.words(time.time() - self.began)}; {where}")
            if "all" in map(str, self.workflow.dag.targetrules):
                for line in run_results.lines(Path(), self.experiment):
                    self._print(line)

    def _lines(self, record: logging.LogRecord, event: LogEvent | None) -> Iterator[str]:
        if event == LogEvent.RUN_INFO:
            self._expect()
        elif event == LogEvent.JOB_INFO and record.shellcmd:  # type: ignore[attr-defined]
            yield from self._starts(record)
        elif event == LogEvent.JOB_FINISHED and record.job_id in self.labels:  # type: ignore[attr-defined]
            yield self._ends(record)
        elif event == LogEvent.JOB_ERROR:
            yield self._fails(record)
        elif event in (None, LogEvent.ERROR):
            yield from self._says(record)

    def _expect(self) -> None:
        """Learns what is to be done, and how long it took before: nothing of it has begun."""
        workflow = self.workflow
        jobs = [job for job in workflow.dag.needrun_jobs() if job.benchmark is not None]
        self.jobs = {job.jobid: Path(job.output.config) for job in jobs}
        ahead = []
        for job in jobs:
            needs = [self.jobs[need.jobid] for need in workflow.dag.dependencies[job] if need.jobid in self.jobs]
            ahead.append(time_left.Ahead(self.jobs[job.jobid], Path(job.benchmark), tuple(needs)))
        places = (workflow._cores or workflow.nodes) // max((job.threads for job in jobs), default=1)
        if any(job.resources.get("gpu") for job in jobs) and "gpu" in workflow.global_resources:
            places = min(places, workflow.global_resources["gpu"].value)
        self.left = time_left.TimeLeft(ahead, max(places, 1), measured_jobs.seconds(self.experiment))

    def _starts(self, record: Any) -> Iterator[str]:
        if not self.labels:
            self.began = record.created
            yield ", ".join([f"jobs to do: {len(self.jobs)}", *self._left(record)])
        self.labels[record.jobid] = label(record.rule_name, record.wildcards)
        self.left.starts(self.jobs[record.jobid], record.created)
        yield f"{self.labels[record.jobid]}: starts"

    def _ends(self, record: Any) -> str:
        self.failed.pop(record.job_id, None)  # it was tried again
        self.done += 1
        took = time_left.words(self.left.ends(self.jobs[record.job_id], record.created))
        line = f"{self.labels[record.job_id]}: done in {took}; {self.done} of {len(self.jobs)} jobs"
        return ", ".join([line, *self._left(record)])

    def _fails(self, record: Any) -> str:
        name, log = self.labels[record.jobid], Path(next(iter(record.log), ""))
        if self.stopping:
            return f"{name}: stopped"
        said = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
        line = next((line for line in reversed(said) if line.strip()), "it ended without a word")
        self.failed[record.jobid] = f"{name}: {line.removeprefix(f'{record.rule_name}: ')}; its log is {log}"
        self.left.fails(self.jobs[record.jobid])
        return f"{name}: failed"

    def _left(self, record: logging.LogRecord) -> list[str]:
        """What is said of the time that the run still takes."""
        told = time_left.left_words(*self.left.seconds(record.created)) if self.done < len(self.jobs) else ""
        return [told] if told else []

    def _says(self, record: logging.LogRecord) -> Iterator[str]:
        """Words that are of no job: warnings, errors, that nothing is to be done."""
        text = self.format(record)
        if text == NOTHING_TO_BE_DONE_MSG:
            self.nothing = True
            yield text
        elif text.startswith(STOPPING):
            self.stopping = True
            yield text
        elif text.startswith(OF_A_COMMAND) or (text.startswith(OF_FAILURES) and (self.failed or self.stopping)):
            return
        elif record.levelno >= logging.WARNING:
            yield text

    def _print(self, line: str) -> None:
        print(line, file=self.stream or sys.stderr, flush=True)


def label(rule: str, wildcards: Mapping[str, str]) -> str:
    """A job's name in its lines, nearly as its stage says it: "train_base fashion_mnist ddpm seed0"."""
    names = {name: f"seed{value}" if name == "seed" else value for name, value in wildcards.items()}
    return " ".join([rule, *(names[name] for name in sorted(names) if name != "experiment")])


RUN = RunLines()


def follow(workflow: Any, experiment: str) -> None:
    """Tells whose run it is; said in the Snakefile."""
    RUN.workflow, RUN.experiment = workflow, experiment


class Manager(LoggerManager):  # type: ignore[misc]  # Snakemake is untyped
    """Snakemake's, with our lines in the terminal, unless its own words are asked for, and all of these in its log."""

    def _default_streamhandler(self) -> logging.Handler:
        asked = self.settings
        own = asked.dryrun or asked.printshellcmds or asked.verbose or asked.debug_dag or asked.quiet
        return super()._default_streamhandler() if own else RUN

    def _default_filehandler(self, logfile: str) -> logging.Handler:
        RUN.log = Path(os.path.relpath(logfile))
        handler: logging.Handler = super()._default_filehandler(logfile)
        for words in handler.filters:
            words.printshellcmds = True  # type: ignore[union-attr]
        return handler


def install() -> RunLines:
    """Lets Snakemake's command, when it runs in this process, speak in these lines."""
    api.LoggerManager = Manager
    return RUN
