"""Results in a store: the bytes of a run without one, and nothing to do for another machine that sees the store."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.object_store import ObjectStore, object_store
from tests.support.project import Project, jobs

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"
# What the fresh machine finds in the store: all that jobs below read, and no model.
FETCHED = "data/fetch_data"
PREPARED = "data/prepare_data"
BASE = "models/train_base/smoke/fashion_mnist/ddpm/seed0"
FAKES = "data/generate_fakes/smoke/fashion_mnist/ddpm/seed0"
TABLES = "results/tables/smoke"
# Tables follow from these alone; later ones from tables.
MADE_OF_TABLES = ("results/tables/", "results/figures/", "results/summary/", "results/README.md")


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with object_store("a-bucket") as store:
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


def forget(project: Project) -> None:
    """Deletes all that was made here."""
    for name in ("data", "models", "results", ".snakemake", "scratch"):
        shutil.rmtree(project.root / name)


def test_an_object_store_gives_the_bytes_of_a_local_run_and_then_nothing_is_to_be_done(
    smoke: Project, elsewhere: Project, store: ObjectStore
) -> None:
    """Tables from metrics that are stored; a model, which is a folder, and images of it; then a third machine."""
    measured = [name for name in files(smoke, "results") if not name.startswith(MADE_OF_TABLES)]
    store.put(smoke.root, [*files(smoke, FETCHED, PREPARED), *measured])
    command = f"snakemake --workflow-profile profiles/s3 --default-storage-prefix s3://{store.bucket}/runs --cores 1"
    tables = f"{command} {TABLES}/table2.csv"
    assert set(jobs(elsewhere.run(tables))) == {"make_tables"}
    fakes = f"{command} {FAKES}/images.npy"
    assert set(jobs(elsewhere.run(fakes))) == {
        "train_base fashion_mnist ddpm seed0",
        "generate_fakes fashion_mnist ddpm seed0",
    }
    made = files(smoke, TABLES, BASE, FAKES)
    assert set(made) <= set(store.names())
    for name in made:
        assert store.read(name) == (elsewhere.root / name).read_bytes()
        if not name.endswith("config.json"):  # which tells the machine's moment, too
            assert store.read(name) == (smoke.root / name).read_bytes(), name
    forget(elsewhere)
    assert NOTHING in elsewhere.run(f"{command} {FAKES}/images.npy {TABLES}/table2.csv")
    told = elsewhere.run(f"{fakes} -n --config 'train_base={{batch_size: 8}}'")
    assert "params: train_base.batch_size was 16, is 8" in told


def test_a_pod_has_its_sources_inputs_and_records_from_the_store(
    smoke: Project, elsewhere: Project, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs, each in an empty folder by the very command that a pod would run; then the store is up to date."""
    store.put(smoke.root, files(smoke, FETCHED, PREPARED))
    plugin = Path(__file__).parents[1] / "support" / "pods"
    (tmp_path / "pods").mkdir()
    prefix = f"--default-storage-prefix s3://{store.bucket}/runs"
    run = f"snakemake --workflow-profile profiles/kubernetes {prefix} --executor pods --pods-root {tmp_path}/pods"
    elsewhere.run(f"PYTHONPATH={elsewhere.root}/src:{plugin} {run} {FAKES}/images.npy")
    for name in files(smoke, BASE, FAKES):
        if not name.endswith("config.json"):
            assert store.read(name) == (smoke.root / name).read_bytes(), name
    local = f"snakemake --workflow-profile profiles/s3 {prefix} --cores 1"
    assert NOTHING in elsewhere.run(f"{local} {FAKES}/images.npy")


def test_pods_ask_for_what_their_jobs_need(elsewhere: Project, smoke: Project, store: ObjectStore) -> None:
    """A dry run by the profile as it is, but for the name of the bucket."""
    store.put(smoke.root, files(smoke, FETCHED, PREPARED))
    command = f"snakemake -n --workflow-profile profiles/kubernetes --default-storage-prefix s3://{store.bucket}/runs"
    told = elsewhere.run(f"{command} {FAKES}/images.npy")
    assert set(jobs(told)) == {"train_base fashion_mnist ddpm seed0", "generate_fakes fashion_mnist ddpm seed0"}
    asked = [line for line in told.splitlines() if line.strip().startswith("resources:")]
    assert all("gpu=1" in line and "gpu_manufacturer=nvidia" in line and "disk_mb=50000" in line for line in asked)


def test_a_shared_disk_does_likewise(smoke: Project, elsewhere: Project, tmp_path: Path) -> None:
    if shutil.which("rsync") is None:
        raise FileNotFoundError("no rsync, which snakemake-storage-plugin-fs needs: install it")
    shutil.copytree(smoke.root / FETCHED, tmp_path / "shared" / FETCHED)
    shutil.copytree(smoke.root / PREPARED, tmp_path / "shared" / PREPARED)
    command = (
        f"snakemake --workflow-profile profiles/fs --default-storage-prefix {tmp_path}/shared --cores 1 "
        f"{FAKES}/images.npy"
    )
    elsewhere.run(command)
    for name in files(smoke, BASE, FAKES):
        if not name.endswith("config.json"):
            assert (tmp_path / "shared" / name).read_bytes() == (smoke.root / name).read_bytes(), name
    forget(elsewhere)
    assert NOTHING in elsewhere.run(command)
