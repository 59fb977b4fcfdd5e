"""The server of a study in a process that can be killed, and what a browser says to it."""

import http.client
import json
import multiprocessing
import os
import signal
import sys
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from selfrefine.study import server

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "selfrefine.study.server"])


def post(port: int, record: object, path: str = "/answers", **headers: str) -> tuple[int, Any]:
    """Sends a record, or bytes as they are; returns the status and what the answer says."""
    body = record if isinstance(record, bytes) else json.dumps(record).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", path, body, {"Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or "null")


def get(port: int, path: str) -> tuple[int, bytes]:
    """The status and content of an address."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()


class Killable:
    """A server in a process of its own.

    Args:
        study: folder of the study.
        folder: of the answers.
        port: 0 for any.
        log: the file of its standard error, which grows.
    """

    def __init__(self, study: Path, folder: Path, log: Path, port: int = 0) -> None:
        ours, theirs = FORKS.Pipe()
        self.process = FORKS.Process(target=_serve, args=(study, folder, log, port, theirs), daemon=True)
        self.process.start()
        theirs.close()  # so that a server that cannot start is an error here, not a wait
        self.port = int(ours.recv())

    def kill(self) -> None:
        """Kill -9."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def _serve(study: Path, folder: Path, log: Path, port: int, ready: Connection) -> None:
    sys.stderr = log.open("a")
    with server.open_server(study, folder, "127.0.0.1", port) as opened:
        ready.send(opened.server_port)
        opened.serve_forever()
