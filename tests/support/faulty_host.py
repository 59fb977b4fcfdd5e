"""A host on this machine that answers wrongly, in one way at each address: `/404/...`, `/endless/...` and so on."""

import contextlib
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


def _status(number: int) -> Answer:
    return lambda handler: handler.send_error(number)


def _page(content: bytes, length: int | None = None, kind: str = "text/html", **headers: str) -> Answer:
    """A page of this content that says it has this length."""

    def answer(handler: "Handler") -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def _redirect(target: str) -> Answer:
    def answer(handler: "Handler") -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def _without_end(part: bytes, pause: float) -> Answer:
    def answer(handler: "Handler") -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        while True:
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(pause)

    return answer


def _raw(content: bytes) -> Answer:
    return lambda handler: handler.wfile.write(content) and None


FAULTS: dict[str, Answer] = {
    "404": _status(404),
    "403": _status(403),
    "500": _status(500),
    "empty": _page(b""),
    "cut": _page(b"half", length=8),
    "another": _page(b"<html>log in first</html>"),
    "binary": _page(bytes(range(256)) * 9),
    "json": _page(b'{"meta": {"api-version": "1.0"}, "files": 3}', kind="application/vnd.pypi.simple.v1+json"),
    "future": _page(b'{"meta": {"api-version": "9.0"}}', kind="application/vnd.pypi.simple.v1+json"),
    "charset": _page(b"<a>", kind="text/html; charset=no-such-charset"),
    "encoding": _page(b"no gzip", Content_Encoding="gzip"),
    "bomb": _page(gzip.compress(bytes(2**27)), Content_Encoding="gzip"),
    "loop": _redirect("again"),
    "to_file": _redirect("file:///etc/hostname"),
    "to_nowhere": _redirect("http://127.0.0.1:9/"),
    "no_http": _raw(b"220 mail.example.org\r\n"),
    "headers": _raw(b"HTTP/1.1 200 OK\r\n" + b"x" * 70000 + b"\r\n\r\n"),
    "endless": _without_end(b"a" * 2**16, 0.0),
    "drip": _without_end(b"a", 0.05),
    "silent": lambda _: time.sleep(30),
    "hangs_up": lambda _: None,
}


class Handler(BaseHTTPRequestHandler):
    """Answers as the first folder of the address says."""

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client has gone
            super().handle()

    def do_GET(self) -> None:
        self.close_connection = True
        FAULTS[self.path.split("/")[1]](self)


@contextmanager
def faulty_host() -> Iterator[str]:
    """Yields host and port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
