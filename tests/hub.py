"""A look-alike of the Hugging Face hub on this machine, with the faults a network can have.

    with Hub(folder) as hub:      # serves folder/ORG/NAME/FILE
        os.environ["HF_ENDPOINT"] = hub.url

It answers what fetching needs: HEAD and GET of /ORG/NAME/resolve/main/FILE, ranges included. Large
files (over 1 kB) carry their SHA-256, small ones git's SHA-1, as on the hub.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000  # bytes


@dataclass
class Faults:
    """What goes wrong; the file's name decides where a dictionary is keyed by it."""

    cut_after: dict[str, list[int]] = field(default_factory=dict)  # bytes, one for each GET in turn
    other_content: dict[str, bytes] = field(default_factory=dict)  # under the digest of the right
    status: dict[str, int] = field(default_factory=dict)
    hang_before: set[str] = field(default_factory=set)  # the headers of a GET
    hang_within: set[str] = field(default_factory=set)  # the body of a GET


class Hub:
    """The server; `asked` lists (method, file, range) of each request so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults()
        self.asked: list[tuple[str, str, str | None]] = []
        self._stopped = False

    def __enter__(self) -> Self:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub._answer(self, body=False)

            def do_GET(self) -> None:
                hub._answer(self, body=True)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._server.shutdown()
        self._server.server_close()

    def got(self, filename: str) -> list[str | None]:
        """Return the ranges of the GETs of a file, in turn; None: all of it."""
        return [span for method, name, span in self.asked if (method, name) == ("GET", filename)]

    def _answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        org, name, _, _, filename = [*request.path.lstrip("/").split("/", 4), *[""] * 4][:5]
        span = request.headers.get("Range")
        self.asked.append((request.command, filename or request.path, span))
        path = self.folder / org / name / filename
        status = self.faults.status.get(filename)
        if status or not path.is_file():
            known = (self.folder / org / name).is_dir()
            kind = {"X-Error-Code": "EntryNotFound" if known else "RepoNotFound"}
            self._headers(
                request, status or 404, {"Content-Length": "0"} | ({} if status else kind)
            )
            return
        content = path.read_bytes()
        announced = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if len(content) > LARGE:
            announced["X-Linked-Etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            announced["X-Linked-Size"] = str(len(content))
            announced["ETag"] = '"mark-of-the-store"'
        else:
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  # git's
            announced["ETag"] = f'"{git}"'
        if not body:
            self._headers(request, 200, announced | {"Content-Length": str(len(content))})
            return
        if filename in self.faults.hang_before:
            self._hang()
            return
        content = self.faults.other_content.get(filename, content)
        code = 200
        if span:
            first = int(span.removeprefix("bytes=").partition("-")[0])
            announced["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            content, code = content[first:], 206
        self._headers(request, code, announced | {"Content-Length": str(len(content))})
        cuts = self.faults.cut_after.get(filename)
        if cuts:
            request.wfile.write(content[: cuts.pop(0)])
            request.wfile.flush()
            request.close_connection = True
            request.connection.close()
            return
        if filename in self.faults.hang_within:
            request.wfile.write(content[: len(content) // 2])
            request.wfile.flush()
            self._hang()
            return
        request.wfile.write(content)

    def _headers(
        self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()

    def _hang(self) -> None:
        until = time.monotonic() + 60
        while not self._stopped and time.monotonic() < until:
            time.sleep(0.05)


Prepared = Callable[[], Hub]
