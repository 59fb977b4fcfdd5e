"""Which jobs run: Snakemake asks the records that lie beside the outputs, not those that it keeps in `.snakemake`.

Snakemake's own go by dates, are lost with a folder or a kill, and know nothing of what a file holds. A folder that was
copied, cloned or pulled says by itself what of it is up to date.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snakemake import jobs, workflow
from snakemake.persistence import NO_PARAMS_CHANGE, ParamsChange
from snakemake.persistence.file import FilePersistence

from selfrefine.commands import stored, why
from selfrefine.core import record


class Changes(ParamsChange):  # type: ignore[misc]  # Snakemake is untyped
    """What has changed since a job ran, in the words of `selfrefine why`."""

    def __str__(self) -> str:
        return "; ".join(sorted(self.only_new))


class Records(FilePersistence):  # type: ignore[misc]
    """What Snakemake asks of a job that has run: here the record of the job answers, in one place."""

    params: Mapping[str, Any]  # the whole of params.yaml, set by `answer`

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lineages: dict[Any, str] = {}

    def has_metadata(self, _job: Any) -> bool:
        """Every output has a record, or counts as changed."""
        return True

    def has_outdated_metadata(self, _job: Any) -> bool:
        """A record of another version counts as changed."""
        return False

    def params_changed(self, job: Any, file: str | None = None) -> ParamsChange:
        """All that has changed since the job ran: params, code, inputs and outputs."""
        files = {str(path) for path in ([file] if file else job.output)}
        there = stored.bring_record(job.output) or any(map(Path.exists, map(Path, files)))
        found = set(self._changes(job)) if there else set()
        return Changes(only_new=found, files=files) if found else NO_PARAMS_CHANGE

    def input_changed(self, _job: Any, file: str | None = None) -> Any:
        """See `params_changed`."""
        return False if file else iter(())

    code_changed = input_changed

    def was_begun(self, job: Any) -> bool:
        """Whether Snakemake started a job here and did not see its end."""
        return bool(self._filter_incomplete_keys([self._get_key(file) for file in job.output]))

    def _changes(self, job: Any) -> Iterator[str]:
        """The lines of `why.changes` about a job; one more if only what its inputs were made from is another."""
        made = why.job_of(Path(job.output.config))
        if made is None:
            yield f"{job.output.config}: no record of a job that ended"
            return
        told = list(why.changes(made, self.params, job.input))
        if any(line.startswith("output:") for line in told):
            stale = {str(Path(file)) for file in job.output if stored.is_stale(file)}
            told = list(why.changes(made, self.params, job.input, stale))
        yield from told
        if not told and made.provenance["lineage"] != self._lineage(job):
            yield "an input would be made from other params, code or inputs now"

    def _lineage(self, job: Any) -> str:
        """The lineage that the job's record has if all that it follows from is as it is now (`record.lineage`)."""
        if job not in self._lineages:
            makers = {str(file): maker for maker, made in self.dag.dependencies[job].items() for file in made}
            others = record.present(Path(file) for file in job.input if str(file) not in makers)
            made = {str(Path(file)): self._lineage(maker) for file, maker in makers.items()}
            self._lineages[job] = record.lineage(json.loads(job.params.config), job.params.code, made | others)
        return self._lineages[job]


async def _no_time(_job: Any) -> None:
    """The time of a job's outputs, to which Snakemake would hold those of its inputs whatever its settings are."""


def answer(params: Mapping[str, Any]) -> None:
    """Lets the records answer Snakemake, in this process; said in the Snakefile, before jobs are looked at."""
    Records.params = params
    workflow.FilePersistence = Records
    jobs.Job.output_mintime = property(_no_time)
