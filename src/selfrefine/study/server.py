"""The server of a study: it shows the page, and acknowledges an answer when it is on the disk.

The standard library's, with a thread a connection: a study has tens of participants, who send a few hundred bytes an
image. What is not an answer of the study gets status 400 and one line in the log, which tells no address.
"""

import json
import socket
import sys
import time
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError, one_line
from selfrefine.study import answers, records
from selfrefine.study.records import RefusedError, Rules

PATIENCE = 30.0  # seconds for what a browser sends
SECURE = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Handler(BaseHTTPRequestHandler):
    """What is said to one browser.

    Args:
        pages: the bytes of each address that there is: nothing else can be asked for.
        folder: of the answers.
        known: what answers of the study may hold.
    """

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def __init__(self, *given: object, pages: dict[str, bytes], folder: Path, known: Rules) -> None:
        self.pages, self.folder, self.known = pages, folder, known
        super().__init__(*given)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Sends a file of the page."""
        name = self.path.partition("?")[0]
        content = self.pages.get("/index.html" if name == "/" else name)
        if content is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")
        else:
            kind = "text/javascript" if name.endswith(".js") else guess_type(name)[0] or "text/html"
            self._say(HTTPStatus.OK, content, kind if kind.startswith("image") else f"{kind}; charset=utf-8")

    def do_POST(self) -> None:
        """Keeps an answer, and says which is kept."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length[:9]) > records.LONGEST or len(length) > 9:
            self.close_connection = True  # what follows is not read
            self._refuse(HTTPStatus.BAD_REQUEST, f"answers have 1 to {records.LONGEST} bytes, with Content-Length")
            return
        body = self.rfile.read(int(length))
        try:
            if self.path != "/answers" or self.headers.get_content_type() != "application/json":
                raise RefusedError("an answer is JSON sent to /answers")
            kept = answers.append(self.folder, records.parse(body), self.known)
        except RefusedError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except (OSError, InputError) as error:  # the browser keeps it and sends it again
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"not kept: {one_line(error)}")
        else:
            self._say(HTTPStatus.OK, json.dumps(kept).encode(), "application/json")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses by itself: no line of HTTP, no method that is known, headers without end."""
        self.close_connection = True
        self.request_version = self.protocol_version  # or a line that is no HTTP gets no status
        self._refuse(HTTPStatus.BAD_REQUEST, "not a request that this server takes")

    def log_message(self, format: str, *given: object) -> None:  # noqa: A002 (the library's name)
        """Nothing: the library would log each request with its address."""

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        log(f"{status.value} {why}")
        self._say(status, json.dumps({"refused": why}).encode(), "application/json")

    def _say(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **SECURE}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """A server whose failing connections cost one line of the log."""

    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Binds without the library's question to the network what this machine is called."""
        super(ThreadingHTTPServer, self).server_bind()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that left, or did not say what it wanted in time."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            log(f"a connection failed: {type(error).__name__}")


def open_server(study: Path, folder: Path, address: str, port: int) -> Server:
    """A server that listens, and takes its first connection when `serve_forever` is called.

    Args:
        study: folder of the study.
        folder: of the answers.
        address: of the interface to listen on.
        port: 0 for any that is free.

    Raises:
        InputError: no folder of a study, or the address cannot be had.
    """
    known = records.rules(study)
    pages = {f"/{name}": files.read_bytes(path) for name, path in files.visible(study / "public").items()}
    pages["/server.json"] = json.dumps({"study": known.study}).encode()
    try:
        return Server((address, port), partial(Handler, pages=pages, folder=folder, known=known))
    except (OSError, OverflowError, socket.gaierror) as error:
        raise InputError(f"{address}, port {port}, cannot be had ({one_line(error)}); give another --port") from error


def log(line: str) -> None:
    """Writes one line with the time to standard error."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", file=sys.stderr, flush=True)
