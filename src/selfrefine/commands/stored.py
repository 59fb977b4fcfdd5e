"""Results in an object store, for runs with a default storage provider: profiles/s3, profiles/fs, profiles/kubernetes.

The store mirrors the project's folder: `models/a/b` is kept as `PREFIX/models/a/b`, and its local copy lies at
`models/a/b`, where it would lie without a store. Snakemake would put it below `.snakemake/storage`, and then records,
checkpoints and lineages would know every file by another path than a run without a store.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snakemake.io import flag
from snakemake.path_modifier import PATH_MODIFIER_FLAG, PathModifier
from snakemake.sourcecache import LocalSourceFile

from selfrefine.core import record

# What a job needs of the project besides the Snakefiles and their environment, which Snakemake sends by itself.
SOURCES = ("params.yaml", "experiments/*.yaml", "workflow/**/*.*", "src/**/*.py", "src/**/*.yaml", "src/**/*.html")


def follow(workflow: Any) -> None:
    """Keeps local copies at the project's own paths and brings records along; said in the Snakefile before any rule.

    Args:
        workflow: Snakemake's; one without a default storage provider is left as it is.
    """
    from snakemake.dag import DAG  # which cannot be imported before Snakemake's workflow

    provider = workflow.storage_registry.default_storage_provider
    if provider is None:
        return
    prefix = workflow.storage_settings.default_storage_prefix.rstrip("/") + "/"
    kind = _in_place(provider.get_storage_object_cls(), provider, prefix)
    provider.get_storage_object_cls = lambda: kind
    for source in sorted({path for pattern in SOURCES for path in Path().glob(pattern) if path.is_file()}):
        if source.suffix != ".smk":  # Snakemake would take it for one that is included already
            workflow._included.setdefault(str(source), LocalSourceFile(str(source)))
    PathModifier.modify = _also_of_equal_names(PathModifier.modify)
    DAG.retrieve_storage_inputs = _with_records(DAG.retrieve_storage_inputs, provider, prefix)


def _in_place(kind: Any, provider: Any, prefix: str) -> Any:
    """The provider's class of stored files, with local copies at the paths that stand behind the prefix."""
    mirrored = f"{kind(query=prefix + '_', keep_local=False, retrieve=False, provider=provider).local_suffix()[:-1]}"

    class InPlace(kind):  # type: ignore[misc]  # a plugin is untyped
        """A stored file whose local copy lies where it would lie without a store."""

        def local_path(self) -> Path:
            """The path in the project; of what is no part of the mirror, the plugin's own."""
            if self._overwrite_local_path or not self.query.startswith(prefix):
                return Path(super().local_path())
            return Path(self.query.removeprefix(prefix))

        def cache_key(self, local_suffix: str | None = None) -> str:
            """What Snakemake remembers a stored file by: its local path."""
            if local_suffix is None:
                return str(self.local_path())
            inside = local_suffix.startswith(mirrored)
            return local_suffix.removeprefix(mirrored) if inside else str(super().cache_key(local_suffix))

    return InPlace


def _also_of_equal_names(modify: Any) -> Any:
    """Snakemake's way from a path to a stored file, which takes one that keeps its name for one that is not stored."""

    def modified(modifier: Any, path: Any, *options: Any, **named: Any) -> Any:
        found = modify(modifier, path, *options, **named)
        stored = modifier.apply_default_storage(path) if found is path else path
        return found if stored is path else flag(stored, PATH_MODIFIER_FLAG)

    return modified


def _with_records(retrieve: Any, provider: Any, prefix: str) -> Any:
    """Snakemake's retrieval of the inputs of jobs, which then brings the record beside each input, too."""

    async def with_records(dag: Any, jobs: Iterable[Any], **options: Any) -> None:
        jobs = list(jobs)
        await retrieve(dag, jobs, **options)
        inputs = {Path(file) for job in jobs for file in job.input if file.is_storage}
        folders = {folder for path in inputs for folder in list(path.parents)[: record.ABOVE] if folder.parts}
        for folder in sorted(folders):
            bring(provider.object(f"{prefix}{folder / record.NAME}"))

    return with_records


def bring_record(outputs: Iterable[Any]) -> bool:
    """Brings the record among a job's outputs, and says whether there are stored ones, with a record or without."""
    kept = [file for file in outputs if file.is_storage]
    for file in kept:
        if Path(file).name == record.NAME:
            bring(file.storage_object)
    return any(Path(file).exists() or file.storage_object.exists() for file in kept)


def bring(stored: Any) -> None:
    """Brings a stored file to its local path if it is not there, or older there: Snakemake gives both the same time."""
    path = stored.local_path()
    if stored.exists() and not (path.exists() and path.stat().st_mtime >= stored.mtime()):
        path.parent.mkdir(parents=True, exist_ok=True)
        stored.retrieve_object()


def is_stale(file: Any) -> bool:
    """Whether an output's local copy is older than what the store has: Snakemake replaces it when a job reads it."""
    path = Path(file, ".snakemake_timestamp") if Path(file).is_dir() else Path(file)
    if not (file.is_storage and path.exists() and file.storage_object.exists()):
        return False
    return bool(path.stat().st_mtime < file.storage_object.mtime())


def only_here(jobs: Iterable[Any]) -> list[str]:
    """Records of jobs that have ended here, to be run again since the store does not have what they made.

    Not of one that was killed before all of it was stored.
    """
    records = [
        file
        for job in jobs
        if not job.dag.workflow.persistence.was_begun(job)
        for file in job.output
        if file.is_storage and Path(file).name == record.NAME and Path(file).is_file()
    ]
    return [str(file) for file in records if not file.storage_object.exists()]
