"""Results in a store: the bytes of a run without one, and nothing to do for another machine that sees the store."""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfrefine.core import record
from tests.support.object_store import ObjectStore, object_store
from tests.support.project import Project, jobs

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"
# What the fresh machine finds in the store; what it was made of need not be there.
PREPARED = "data/prepare_data"
BASE = "models/train_base/smoke/fashion_mnist/ddpm/seed0"
FAKES = "data/generate_fakes/smoke/fashion_mnist/ddpm/seed0"
TABLES = "results/tables/smoke"
TRAINS, SAMPLES = "train_base fashion_mnist ddpm seed0", "generate_fakes fashion_mnist ddpm seed0"
PLUGIN = Path(__file__).parents[1] / "support" / "pods"  # of the executor whose pods are folders


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with object_store(f"bucket-{uuid.uuid4()}") as store:  # of its own: the server keeps buckets as long as the process
        yield store


@pytest.fixture
def elsewhere(smoke: Project, tmp_path: Path) -> Iterator[Project]:
    """A clone of the project on another machine: nothing of what was run."""
    smoke.run(f"git clone --quiet . {tmp_path}/elsewhere")
    project = Project(tmp_path / "elsewhere")
    yield project
    project.remove()


def files(project: Project, *places: str) -> list[str]:
    """The names of all files in some folders, without those of Snakemake's own."""
    found = [path for place in places for path in (project.root / place).rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(project.root)) for path in found if path.name != ".snakemake_timestamp")


def inputs_of_tables(project: Project) -> list[str]:
    """The files that tables were made of, and the records beside them."""
    made = record.read(project.root / TABLES / record.NAME)
    assert made
    names = {name for name in made[1]["inputs"] if not name.startswith("workflow/")}
    folders = {folder for name in names for folder in list(Path(name).parents)[: record.ABOVE]}
    records = {f"{folder}/{record.NAME}" for folder in folders if (project.root / folder / record.NAME).is_file()}
    folders_of_models = [name for name in names if (project.root / name).is_dir()]
    return sorted((names - {*folders_of_models}) | records | {*files(project, *folders_of_models)})


def forget(project: Project) -> None:
    """Deletes all that was made here."""
    for name in ("data", "models", "results", ".snakemake", "scratch"):
        shutil.rmtree(project.root / name, ignore_errors=True)


def same(smoke: Project, *places: str, stored: Callable[[str], bytes]) -> bool:
    """Whether the store has all that the local run made in some folders, byte for byte, records included."""
    names = files(smoke, *places)
    different = [name for name in names if stored(name) != (smoke.root / name).read_bytes()]
    assert not different
    return bool(names)


def test_an_object_store_gives_the_bytes_of_a_local_run_and_then_nothing_is_to_be_done(
    smoke: Project, elsewhere: Project, store: ObjectStore
) -> None:
    """Tables of stored metrics, and a model, which is a folder; then no job on a third machine."""
    store.put(smoke.root, [*files(smoke, PREPARED), *inputs_of_tables(smoke)])
    command = f"snakemake --workflow-profile profiles/s3 --default-storage-prefix s3://{store.bucket}/runs --cores 1"
    assert set(jobs(elsewhere.run(f"{command} {TABLES}/table2.csv"))) == {"make_tables"}
    assert set(jobs(elsewhere.run(f"{command} {BASE}/pipeline"))) == {TRAINS}
    assert same(smoke, TABLES, BASE, stored=store.read)
    forget(elsewhere)
    assert NOTHING in elsewhere.run(f"{command} {BASE}/pipeline {TABLES}/table2.csv")
    told = elsewhere.run(f"{command} -n {BASE}/pipeline --config 'train_base={{batch_size: 8}}'")
    assert "params: train_base.batch_size was 16, is 8" in told


def test_a_pod_has_its_sources_inputs_and_records_from_the_store(
    smoke: Project, elsewhere: Project, store: ObjectStore, tmp_path: Path
) -> None:
    """By the very command that a pod would run, in an empty folder; with what it asks for."""
    store.put(smoke.root, files(smoke, PREPARED, BASE))
    (tmp_path / "pods").mkdir()
    prefix = f"--default-storage-prefix s3://{store.bucket}/runs"
    run = f"snakemake --workflow-profile profiles/kubernetes {prefix} --executor pods --pods-root {tmp_path}/pods"
    elsewhere.run(f"PYTHONPATH={elsewhere.root}/src:{PLUGIN} {run} {FAKES}/images.npy")
    (asked,) = (json.loads(path.read_text()) for path in (tmp_path / "pods").glob("*.json"))
    assert asked.items() >= {"gpu": "1", "gpu_manufacturer": "nvidia", "disk_mb": "50000", "mem_mb": "16000"}.items()
    assert not (elsewhere.root / FAKES / "images.npy").exists()
    assert same(smoke, FAKES, stored=store.read)


def test_the_profile_for_kubernetes_plans_the_jobs_of_a_local_run(
    smoke: Project, elsewhere: Project, store: ObjectStore
) -> None:
    """A dry run by the profile as it is, but for the name of the bucket."""
    store.put(smoke.root, files(smoke, PREPARED))
    command = f"snakemake -n --workflow-profile profiles/kubernetes --default-storage-prefix s3://{store.bucket}/runs"
    assert set(jobs(elsewhere.run(f"{command} {FAKES}/images.npy"))) == {TRAINS, SAMPLES}


def test_a_shared_disk_does_likewise(smoke: Project, elsewhere: Project, tmp_path: Path) -> None:
    if shutil.which("rsync") is None:
        raise FileNotFoundError("no rsync, which snakemake-storage-plugin-fs needs: install it")
    shared = tmp_path / "shared"
    shutil.copytree(smoke.root / PREPARED, shared / PREPARED)
    command = f"snakemake --workflow-profile profiles/fs --default-storage-prefix {shared} --cores 1"
    assert set(jobs(elsewhere.run(f"{command} {BASE}/pipeline"))) == {TRAINS}
    forget(elsewhere)
    assert set(jobs(elsewhere.run(f"{command} {FAKES}/images.npy"))) == {SAMPLES}
    assert same(smoke, BASE, FAKES, stored=lambda name: (shared / name).read_bytes())


def test_results_that_are_only_here_are_not_made_again(smoke: Project, elsewhere: Project, tmp_path: Path) -> None:
    shutil.copytree(smoke.root / PREPARED, elsewhere.root / PREPARED)
    target = f"--cores 1 {PREPARED}/smoke/fashion_mnist/train/images.npy"
    told = elsewhere.refuse(
        f"snakemake --workflow-profile profiles/fs --default-storage-prefix {tmp_path}/shared {target}"
    )
    assert told[-1].startswith(f"{PREPARED}/smoke/fashion_mnist/config.json: one of 1 results that are here and not in")
    assert files(elsewhere, PREPARED) == files(smoke, PREPARED)
