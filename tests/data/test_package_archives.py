"""Debian packages from a repository of the test's own, as root and not; source packages from an index of its own."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from selfrefine.core.errors import InputError
from selfrefine.data import package_archives
from tests.support.children import FORKS
from tests.support.local_archives import debian_repository, package_index

PINNED = package_archives.PythonPackage("small-package", "1.0", hashlib.sha256(b"content").hexdigest())
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="not a Debian system")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "repository"
    configuration = debian_repository(root, "dataset-small", {"usr/share/datasets/small/images.gz": b"pixels"})
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    return root


def lists_of_the_system() -> list[Path]:
    return sorted(path for folder in ("/var/lib/apt", "/var/cache/apt") for path in Path(folder).rglob("*"))


@needs_apt
def test_a_debian_package_is_unpacked_and_the_system_untouched(repository: Path, tmp_path: Path):
    before = lists_of_the_system()
    contents = package_archives.debian_package("dataset-small", tmp_path / "a folder")
    assert (contents / "usr/share/datasets/small/images.gz").read_bytes() == b"pixels"
    assert lists_of_the_system() == before
    assert not (repository / "hook").exists()


@needs_apt
def test_the_hook_of_the_test_is_a_real_one(repository: Path, tmp_path: Path):
    own = ["-o", f"Dir::State={tmp_path}", "-o", f"Dir::Cache={tmp_path}", "-o", "APT::Sandbox::User="]
    (tmp_path / "lists/partial").mkdir(parents=True)
    subprocess.run(["apt-get", *own, "update"], check=True, capture_output=True)
    assert (repository / "hook").exists()


def fetch_as_nobody(folder: Path, configuration: str) -> None:
    os.environ["APT_CONFIG"] = configuration
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    package_archives.debian_package("dataset-small", folder)


@needs_apt
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_debian_package_needs_no_root(repository: Path, tmp_path: Path):
    for folder in (tmp_path, *tmp_path.parents[: len(tmp_path.parents) - 2]):
        folder.chmod(0o755)
    own = tmp_path / "own"
    own.mkdir()
    os.chown(own, 65534, 65534)
    child = FORKS.Process(target=fetch_as_nobody, args=(own, os.environ["APT_CONFIG"]))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert next(own.rglob("images.gz")).read_bytes() == b"pixels"


@needs_apt
def test_an_unknown_debian_package_is_told_in_one_line(repository: Path, tmp_path: Path):
    with pytest.raises(InputError, match="apt-get download dataset-large: E: Unable to locate package dataset-large"):
        package_archives.debian_package("dataset-large", tmp_path / "folder")


@needs_apt
def test_a_damaged_debian_package_is_refused(repository: Path, tmp_path: Path):
    package = repository / "dataset-small_1.0_all.deb"
    package.write_bytes(package.read_bytes().replace(b"pixels", b"qixels"))
    with pytest.raises(InputError, match=r"apt-get download dataset-small: E: .*Hash Sum mismatch"):
        package_archives.debian_package("dataset-small", tmp_path / "folder")


@needs_apt
def test_without_the_archive_its_reason_is_told(repository: Path, tmp_path: Path):
    (repository / "sources.list").write_text("deb [trusted=yes] http://127.0.0.1:9/debian ./\n")
    with pytest.raises(InputError, match=r"Unable to locate package dataset-small; W: .*Connection refused"):
        package_archives.debian_package("dataset-small", tmp_path / "folder")


def test_another_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt-get not found: not a Debian system"):
        package_archives.debian_package("dataset-small", tmp_path / "folder")


@pytest.mark.parametrize(
    ("published", "told"),
    [
        ({"small_package-1.0.tar.gz": b"another"}, r"small-package 1\.0: sha256 .* given, ed7002b439e9\.\.\. expected"),
        (
            {"small_package-2.0.tar.gz": b"content"},
            r"small-package 1\.0: the package index has no source package of it",
        ),
        ({"small_package-1.0-py3-none-any.whl": b"content"}, "the package index has no source package of it"),
    ],
)
def test_only_the_pinned_source_package_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: dict[str, bytes], told: str
):
    with package_index(tmp_path / "index", "small-package", published) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        with pytest.raises(InputError, match=told):
            package_archives.python_source(PINNED, tmp_path)


def test_the_pinned_source_package_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    published = {
        "small_package-2.0.tar.gz": b"later",
        "small_package-1.0-py3-none-any.whl": b"wheel",
        "small_package-1.0.tar.gz": b"content",
    }
    with package_index(tmp_path / "index", "small-package", published) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        assert package_archives.python_source(PINNED, tmp_path).read_bytes() == b"content"


def test_an_index_that_is_not_there_fails_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with pytest.raises(OSError, match="Connection refused"):
        package_archives.python_source(PINNED, tmp_path)


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def test_a_member_is_read_and_names_that_lead_outside_write_nothing(tmp_path: Path):
    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    evil, absolute = tarfile.TarInfo("../../escaped"), tarfile.TarInfo(str(tmp_path / "absolute"))
    wanted = tarfile.TarInfo("package/weights")
    archive = tar_of(folder / "a.tar.gz", (evil, b"evil"), (absolute, b"evil"), (wanted, b"weights"))
    assert package_archives.tar_member(archive, "package/weights") == b"weights"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz", "deep", "deeper"]


def test_links_that_lead_outside_folders_and_missing_members_are_refused(tmp_path: Path):
    (tmp_path / "secret").write_text("secret")
    folder = tarfile.TarInfo("package/folder")
    folder.type = tarfile.DIRTYPE
    archive = tar_of(tmp_path / "a.tar.gz", (link("package/link", str(tmp_path / "secret")), b""), (folder, b""))
    for name in ("package/link", "package/folder", "package/absent"):
        with pytest.raises(InputError, match=f"holds no file {name}"):
            package_archives.tar_member(archive, name)


def test_a_cut_off_tar_is_refused(tmp_path: Path):
    archive = tar_of(tmp_path / "a.tar.gz", (tarfile.TarInfo("weights"), os.urandom(100_000)))
    archive.write_bytes(archive.read_bytes()[:50_000])
    with pytest.raises((EOFError, tarfile.TarError)):
        package_archives.tar_member(archive, "weights")


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_member_of_a_zip_is_read_and_nothing_written(tmp_path: Path):
    folder = tmp_path / "deep"
    folder.mkdir()
    archive = zip_of(folder / "a.whl", **{"../escaped": b"evil", "package/weights": b"weights"})
    assert package_archives.zip_member(archive, "package/weights") == b"weights"
    with pytest.raises(InputError, match=r"a.whl: holds no file package/absent"):
        package_archives.zip_member(archive, "package/absent")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.whl", "deep"]


def test_a_zip_that_is_cut_off_or_damaged_is_refused(tmp_path: Path):
    archive = zip_of(tmp_path / "a.whl", weights=b"weights " * 100)
    whole = archive.read_bytes()
    for content in (whole[:400], whole.replace(b"weights weights", b"weights wEights", 1)):
        archive.write_bytes(content)
        with pytest.raises(InputError, match=r"a.whl: not a whole zip file \("):
            package_archives.zip_member(archive, "weights")


def test_of_a_wheel_and_a_source_package_the_asked_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    published = {"small_package-1.0.tar.gz": b"source", "small_package-1.0-py3-none-any.whl": b"content"}
    with package_index(tmp_path / "index", "small-package", published) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        assert package_archives.python_wheel(PINNED, tmp_path).read_bytes() == b"content"
        with pytest.raises(InputError, match=r"small-package 1\.0: sha256"):
            package_archives.python_source(PINNED, tmp_path)
