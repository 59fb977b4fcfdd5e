"""Archives of the tests' own, so that the real apt-get and the real index client run without a network."""

import hashlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def debian_repository(root: Path, package: str, contents: dict[str, bytes]) -> Path:
    """A repository with one package; its lists, when updated, run a hook of the system that makes `root/hook`.

    Returns:
        apt's configuration file, for APT_CONFIG: with it apt-get sees nothing else.
    """
    for name, content in contents.items():
        path = root / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "tree/DEBIAN").mkdir()
    control = f"Package: {package}\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: small\n"
    (root / "tree/DEBIAN/control").write_text(control)
    archive = root / f"{package}_1.0_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", root / "tree", archive], check=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    entry = f"{control}Filename: ./{archive.name}\nSize: {archive.stat().st_size}\nSHA256: {digest}\n"
    (root / "Packages").write_text(entry)
    (root / "sources.list").write_text(f"deb [trusted=yes] copy:{root} ./\n")
    (root / "system.conf").write_text(
        f'Dir::Etc::sourcelist "{root}/sources.list";\nDir::Etc::sourceparts "-";\n'
        f'APT::Update::Post-Invoke {{ "touch {root}/hook"; }};\n'
    )
    return root / "system.conf"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def package_index(root: Path, project: str, contents: dict[str, bytes]) -> Iterator[str]:
    """Serves files of one project on a package index and yields its address, for PIP_INDEX_URL."""
    folder = root / project
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "index.html").write_text("".join(f'<a href="{name}">{name}</a>' for name in contents))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
