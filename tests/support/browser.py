"""A real browser without a window: opens a page from the disk, runs a line of script in it, waits for what it says.

Chromium or Chrome speaks its debugging protocol through two pipes: JSON, each message ended by a zero byte.
"""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
# A root user's browser has no sandbox; the shared memory of a container is often too small.
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
PATIENCE = 60.0  # seconds for an answer


def program() -> str:
    """The path of a browser.

    Raises:
        FileNotFoundError: none is installed.
    """
    found = [path for name in NAMES if (path := shutil.which(name))]
    found += [path for path in APPLICATIONS if Path(path).exists()]
    if not found:
        raise FileNotFoundError(f"no browser for the tests of pages: install one of {', '.join(NAMES)}")
    return found[0]


class Page:
    """A page that is open.

    Attributes:
        faults: what its scripts failed with, and what it looked for and did not find.
    """

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._rest, self._number = write, read, b"", 0
        self._session: dict[str, str] = {}
        self.faults: list[str] = []

    def open(self, address: str) -> None:
        """Opens an address in a new tab, and returns when it is loaded."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call("Page.navigate", url=address)
        while not self.run("document.readyState === 'complete' && location.href !== 'about:blank'"):
            time.sleep(0.05)

    def media(self, **features: str) -> None:
        """Makes the page believe in media features: prefers_color_scheme="dark"."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self._call("Emulation.setEmulatedMedia", features=named)

    def run(self, script: str) -> Any:
        """The value of an expression, also of one that is awaited."""
        told = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            if answer.get("method") == "Runtime.exceptionThrown":
                self.faults.append(str(answer["params"]["exceptionDetails"]))
            if answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["level"] == "error":
                self.faults.append(str(answer["params"]["entry"]))
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            content = os.read(self._read, 2**20)
            assert content, "the browser has ended"
            self._rest += content
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def opened(address: str, profile: Path) -> Iterator[Page]:
    """A page of an address in a browser of its own.

    Args:
        address: file:// or another.
        profile: an empty folder for what the browser keeps.
    """
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    line = " ".join(f'"{word}"' for word in (program(), *OPTIONS, f"--user-data-dir={profile}"))
    # It reads from 3 and writes to 4, whatever numbers the pipes have here.
    shell = f"exec {line} --remote-debugging-pipe 3<&{theirs_in} 4>&{theirs_out}"
    with open(profile.parent / "browser.log", "wb") as log:
        browser = subprocess.Popen(["bash", "-c", shell], pass_fds=(theirs_in, theirs_out), stderr=log, stdout=log)
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        page = Page(ours_out, ours_in)
        page.open(address)
        yield page
    finally:
        browser.kill()
        browser.wait()
        os.close(ours_out)
        os.close(ours_in)
