"""A look-alike of the Hugging Face hub on this machine, with the faults a network can have.

    with Hub(folder) as hub:      # serves folder/ORG/NAME/FILE
        os.environ["HF_ENDPOINT"] = hub.url

It answers what fetching needs: HEAD and GET of /ORG/NAME/resolve/main/FILE, ranges included. Large
files (over 1 kB) carry their SHA-256, small ones git's SHA-1, as on the hub. Beside it runs a store
on a port of its own, to which a file may be redirected, as the hub does with large ones.
"""

from __future__ import annotations

import contextlib
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
KEY = "key-of-the-store"  # in the address of whatever is redirected there


@dataclass(frozen=True)
class Refusal:
    """How the hub refuses a file: the status, and what its own headers say."""

    status: int
    code: str | None
    message: str

    def headers(self) -> dict[str, str]:
        code = {"X-Error-Code": self.code} if self.code else {}
        return {"X-Error-Message": self.message} | code


REFUSALS = {
    "gated, nobody is logged in": Refusal(
        401, "GatedRepo", "Access to model org/name is restricted. Please log in."
    ),
    "gated, not for this login": Refusal(
        403, "GatedRepo", "Access to model org/name is restricted and you are not in the list."
    ),
    "private": Refusal(401, "RepoNotFound", "Invalid username or password."),
    "an old login": Refusal(401, None, "Invalid credentials in Authorization header"),
    "a login without the right": Refusal(403, None, "Your token has no access to this."),
}


@dataclass
class Faults:
    """What goes wrong; the file's name decides where a dictionary is keyed by it."""

    cut_after: dict[str, list[int]] = field(default_factory=dict)  # bytes, one for each GET in turn
    other_content: dict[str, bytes] = field(default_factory=dict)  # under the digest of the right
    status: dict[str, int] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    hang_at_head: set[str] = field(default_factory=set)
    hang_before: set[str] = field(default_factory=set)  # the headers of a GET
    hang_within: set[str] = field(default_factory=set)  # the body of a GET
    in_store: set[str] = field(default_factory=set)  # no fault: redirected to the store
    store_status: dict[str, int] = field(default_factory=dict)
    without_size: set[str] = field(default_factory=set)  # the redirect does not say how long it is


class Hub:
    """The server; `asked` lists (method, file, range) of each request so far, of the store too.

    `logins` lists ("hub" or "store", authorization) of the same requests.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults()
        self.asked: list[tuple[str, str, str | None]] = []
        self.logins: list[tuple[str, str | None]] = []
        self._stopped = False

    def __enter__(self) -> Self:
        self._servers = [self._serve(self._answer), self._serve(self._answer_from_store)]
        self.url, self.store_url = (
            f"http://127.0.0.1:{server.server_port}" for server in self._servers
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _serve(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                answer(self)

            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *_: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        return server

    def got(self, filename: str) -> list[str | None]:
        """Return the ranges of the GETs of a file, in turn; None: all of it."""
        return [span for method, name, span in self.asked if (method, name) == ("GET", filename)]

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        org, name, _, _, filename = [*request.path.lstrip("/").split("/", 4), *[""] * 4][:5]
        self._note("hub", request, filename)
        faults, path = self.faults, self.folder / org / name / filename
        status = faults.status.get(filename)
        refused = faults.refused.get(filename)
        if refused:
            self._headers(request, refused.status, refused.headers() | {"Content-Length": "0"})
            return
        if status or not path.is_file():
            known = (self.folder / org / name).is_dir()
            kind = {"X-Error-Code": "EntryNotFound" if known else "RepoNotFound"}
            self._headers(
                request, status or 404, {"Content-Length": "0"} | ({} if status else kind)
            )
            return
        if request.command == "HEAD" and filename in faults.hang_at_head:
            self._hang(request)
            return
        content = path.read_bytes()
        announced = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if len(content) > LARGE:
            announced["X-Linked-Etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            if filename not in faults.without_size:
                announced["X-Linked-Size"] = str(len(content))
            announced["ETag"] = '"mark-of-the-store"'
        else:
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  # git's
            announced["ETag"] = f'"{git}"'
        if filename in faults.in_store:
            announced["Location"] = f"{self.store_url}/{org}/{name}/{filename}?signed={KEY}"
            self._headers(request, 302, announced | {"Content-Length": "0"})
        elif request.command == "HEAD":
            self._headers(request, 200, announced | {"Content-Length": str(len(content))})
        else:
            self._send(request, filename, content, announced)

    def _answer_from_store(self, request: BaseHTTPRequestHandler) -> None:
        place, _, query = request.path.lstrip("/").partition("?")
        filename = place.split("/", 2)[2]
        self._note("store", request, filename)
        status = self.faults.store_status.get(filename, 200 if query == f"signed={KEY}" else 403)
        if status != 200:
            self._headers(request, status, {"Content-Length": "0"})
            return
        self._send(request, filename, (self.folder / place).read_bytes(), {"ETag": '"of-its-own"'})

    def _note(self, place: str, request: BaseHTTPRequestHandler, filename: str) -> None:
        self.asked.append((request.command, filename or request.path, request.headers.get("Range")))
        self.logins.append((place, request.headers.get("Authorization")))

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        filename: str,
        content: bytes,
        announced: dict[str, str],
    ) -> None:
        """Answer a GET, or a part of it, with what may go wrong on the way."""
        if filename in self.faults.hang_before:
            self._hang(request)
            return
        content = self.faults.other_content.get(filename, content)
        code = 200
        span = request.headers.get("Range")
        if span:
            first = int(span.removeprefix("bytes=").partition("-")[0])
            if first >= len(content):
                whole = {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"}
                self._headers(request, 416, announced | whole)
                return
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
            self._hang(request)
            return
        with contextlib.suppress(ConnectionError):  # who asked may be gone by now
            request.wfile.write(content)

    def _headers(
        self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()

    def _hang(self, request: BaseHTTPRequestHandler) -> None:
        """Say nothing for a minute, then hang up."""
        request.close_connection = True
        until = time.monotonic() + 60
        while not self._stopped and time.monotonic() < until:
            time.sleep(0.05)
