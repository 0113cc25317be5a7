"""A server on this machine that answers as the internet does, well and badly.

with Server({"/a.png": picture(b"...")}) as server:
    fetch(server.url + "/a.png", ...)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self

Route = Callable[[BaseHTTPRequestHandler, Event], None]


class Server:
    """Answers each path as its route does, with 404 any other.

    `asked` lists (path, headers) of the requests so far; leaving the block ends what hangs.
    """

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self.routes = dict(routes)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._over = Event()

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, dict(self.headers)))
                with contextlib.suppress(OSError):
                    server.routes.get(self.path, status(404))(self, server._over)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


def _begin(request: BaseHTTPRequestHandler, code: int, **headers: str | int) -> None:
    request.send_response(code)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), str(value))
    request.end_headers()


def body(data: bytes, **headers: str | int) -> Route:
    """Return a route that gives `data`; its length is told unless `headers` say another."""

    def answer(request: BaseHTTPRequestHandler, _: Event) -> None:
        _begin(request, 200, **({"Content_Length": len(data)} | headers))
        request.wfile.write(data)

    return answer


def without_length(data: bytes) -> Route:
    """Return a route that gives `data` and ends the connection."""

    def answer(request: BaseHTTPRequestHandler, _: Event) -> None:
        _begin(request, 200)
        request.wfile.write(data)

    return answer


def in_chunks(data: bytes, size: int) -> Route:
    """Return a route that gives `data` in HTTP's chunks."""

    def answer(request: BaseHTTPRequestHandler, _: Event) -> None:
        request.protocol_version = "HTTP/1.1"
        _begin(request, 200, Transfer_Encoding="chunked")
        for at in range(0, len(data), size):
            part = data[at : at + size]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        request.wfile.write(b"0\r\n\r\n")
        request.close_connection = True

    return answer


def endless(data: bytes) -> Route:
    """Return a route that repeats `data` until nobody reads on."""

    def answer(request: BaseHTTPRequestHandler, over: Event) -> None:
        _begin(request, 200)
        while not over.is_set():
            request.wfile.write(data)

    return answer


def dripping(data: bytes, seconds: float) -> Route:
    """Return a route that gives a byte of `data` every so many seconds."""

    def answer(request: BaseHTTPRequestHandler, over: Event) -> None:
        _begin(request, 200, Content_Length=len(data))
        for at in range(len(data)):
            request.wfile.write(data[at : at + 1])
            request.wfile.flush()
            if over.wait(seconds):
                return

    return answer


def dripping_headers(request: BaseHTTPRequestHandler, over: Event) -> None:
    """Give a byte of a header that never ends, again and again."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not over.wait(0.05):
        request.wfile.write(b"x")
        request.wfile.flush()


def hanging(_: BaseHTTPRequestHandler, over: Event) -> None:
    """Give nothing."""
    over.wait()


def redirect(location: str, code: int = 302) -> Route:
    """Return a route that sends one elsewhere."""

    def answer(request: BaseHTTPRequestHandler, _: Event) -> None:
        _begin(request, code, Location=location, Content_Length=0)

    return answer


def status(code: int) -> Route:
    """Return a route that refuses."""

    def answer(request: BaseHTTPRequestHandler, _: Event) -> None:
        request.send_response(code, "\x1b[2Jcleared")
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def raw(data: bytes) -> Route:
    """Return a route that writes `data` in place of an answer."""

    def answer(request: BaseHTTPRequestHandler, _: Event) -> None:
        request.wfile.write(data)

    return answer
