"""An address -> the bytes of the picture there. The only thing in searching that uses the network.

What answers is believed in nothing: it may be slow, endless, no picture, or send us elsewhere. Only
http and https are spoken, whatever a redirection names; proxies are those of the environment.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass
from string import punctuation
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.images.formats import is_signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

SECONDS = 30.0  # for all of it, from looking up the name to the last byte
MOST_BYTES = 64_000_000
MOST_REDIRECTIONS = 5
_CHUNK = 1 << 16  # bytes
_SIGNATURE = 64  # bytes, which show what a file is
_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_URL = re.compile(r"https?://", re.IGNORECASE)
_USER = re.compile(r"([a-z][a-z0-9+.-]*://)[^/?#\\]*@", re.IGNORECASE)
_UNQUOTED = "%/:;=&?@!$'()*+,~[]"


def is_url(text: str) -> bool:
    """Whether a term is the address of a picture."""
    return _URL.match(text) is not None


def shown(url: str) -> str:
    """Return an address as it may be shown: without a user's name and password."""
    return _USER.sub(r"\1", url)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that can be asked for.

    `url` is all ASCII and names no user; `login` is what the header Authorization says, if there is
    anything to say; `path` is the part that may end in a suffix.
    """

    url: str
    path: str
    login: str | None

    @classmethod
    def of(cls, typed: str) -> Address:
        """Return the address that was typed. Raises UsageError for what is none.

        The message does not repeat it: where it is put together wrongly, nobody can tell which part
        of it is a password.
        """
        try:
            return cls._taken_apart(typed)
        except ValueError:  # its words may quote a part
            raise UsageError(
                "an address that cannot be asked for; write it as https://host/path"
            ) from None

    @classmethod
    def _taken_apart(cls, typed: str) -> Address:
        from urllib.parse import quote, unquote, urlsplit, urlunsplit

        if not typed.isprintable():  # urlsplit would leave some of it out
            raise ValueError
        parts = urlsplit(typed)
        if parts.scheme not in ("http", "https") or not parts.hostname or "\\" in parts.netloc:
            raise ValueError
        host = parts.hostname.encode("idna").decode("ascii")
        if not re.fullmatch(r"[\w.:-]+", host, re.ASCII):
            raise ValueError
        host = f"[{host}]" if ":" in host else host
        netloc = host if parts.port is None else f"{host}:{parts.port}"
        path, query = quote(parts.path, _UNQUOTED), quote(parts.query, _UNQUOTED)
        login = None
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            login = f"Basic {base64.b64encode(user.encode()).decode('ascii')}"
        return cls(urlunsplit((parts.scheme, netloc, path or "/", query, "")), parts.path, login)

    def redirected(self, location: str) -> Address:
        """Return where a redirection leads. Raises _Refused; no login goes with it."""
        from urllib.parse import quote, urljoin, urlsplit

        try:
            # What is not ASCII in a header are bytes, which http.client reads as Latin-1.
            target = urljoin(self.url, quote(location, punctuation, encoding="latin-1"))
            scheme = urlsplit(target).scheme
            if scheme in ("http", "https"):
                found = Address.of(target)
                return Address(found.url, found.path, None)
        except (ValueError, UsageError):
            raise _Refused("it redirects to what is no address") from None
        raise _Refused("it redirects to another scheme than http and https")


class _Refused(Exception):
    """What answers is not what was asked for; the message says how."""


def fetch(url: str, limit: int) -> bytes:
    """Return the picture at `url`, of at most `limit` and MOST_BYTES bytes, as it came.

    It takes SECONDS at most. Raises UsageError when it cannot be had, or does not begin as a
    picture does.
    """
    from queue import Empty, SimpleQueue
    from threading import Thread

    address = Address.of(url)
    answers: SimpleQueue[bytes | Exception] = SimpleQueue()

    def work() -> None:
        try:
            answers.put(_fetched(address, min(limit, MOST_BYTES)))
        except Exception as error:  # noqa: BLE001  # whatever it is, who waits for it is told
            answers.put(error)

    # The limit holds for names being looked up and for headers that come a byte at a time, too:
    # nothing inside could be stopped from there. The thread ends with the process at the latest.
    Thread(target=work, name="fetch", daemon=True).start()
    try:
        answer = answers.get(timeout=SECONDS)
    except Empty:
        raise _failed(url, f"it took more than {SECONDS:g} s") from None
    if isinstance(answer, bytes):
        return answer
    if isinstance(answer, _Refused):
        raise _failed(url, str(answer)) from answer
    why = _words(answer)
    if why is None:
        raise answer
    raise _failed(url, why) from answer


def _fetched(address: Address, limit: int) -> bytes:
    until = time.monotonic() + SECONDS
    opener = _opener()
    for _ in range(MOST_REDIRECTIONS + 1):
        with _asked(opener, address, until) as response:
            if response.status in _REDIRECTIONS and (location := response.headers["Location"]):
                address = address.redirected(location)
                continue
            if response.status != 200:
                raise _Refused(_status(response.status))
            return b"".join(_body(response, limit, until))
    raise _Refused(f"it redirects more than {MOST_REDIRECTIONS} times")


def _opener() -> OpenerDirector:
    """Return what speaks http and https and nothing else, and follows no redirection by itself."""
    from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler

    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    return opener


def _asked(opener: OpenerDirector, address: Address, until: float) -> HTTPResponse:
    from urllib.request import Request

    import vsearch

    request = Request(  # noqa: S310  # http or https, as `Address` sees to
        address.url,
        headers={"User-Agent": f"vsearch/{vsearch.__version__}", "Accept": "image/*"},
    )
    if address.login:
        request.add_unredirected_header("Authorization", address.login)
    # One step may take what is left, and a little more: whose limit it is, `fetch` decides.
    left = max(0.0, until - time.monotonic()) + 1.0
    response: HTTPResponse | None = opener.open(request, timeout=left)
    if response is None:
        raise _Refused("its proxy is of an unknown kind")
    return response


def _body(response: HTTPResponse, limit: int, until: float) -> Iterator[bytes]:
    """Yield what comes, as long as it is not too much, too slow or no picture."""
    told = response.headers["Content-Length"]
    length = int(told) if told and told.isdecimal() else None
    too_large = _Refused(f"it has more than {limit:,} bytes")
    if length is not None and length > limit:
        raise too_large
    start: bytes | None = b""  # until it is long enough to show what it is
    come = 0
    while chunk := response.read1(_CHUNK):
        come += len(chunk)
        if come > limit:
            raise too_large
        if time.monotonic() > until:
            raise _Refused(f"it took more than {SECONDS:g} s")
        if start is not None:
            start += chunk
            if len(start) < _SIGNATURE:
                continue
            chunk, start = _picture(start), None
        yield chunk
    if length is not None and come < length:
        raise _Refused(f"it ended after {come:,} of {length:,} bytes")
    if start is not None:
        yield _picture(start)


def _picture(start: bytes) -> bytes:
    """Return the beginning of a file that is a picture's. Raises _Refused for any other."""
    if not start:
        raise _Refused("nothing came")
    if not is_signed(start[:_SIGNATURE]):
        raise _Refused("what is there is no picture")
    return start


def _failed(url: str, why: str) -> UsageError:
    return UsageError(
        f"the picture cannot be fetched ({why}), from {shown(url)!r}; "
        "look whether a browser shows it, or fetch it yourself and name the file"
    )


def _status(status: int) -> str:
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"  # not the server's own words
    except ValueError:
        return f"status {status}"


def _words(error: Exception) -> str | None:
    """Say what went wrong on the way; None: it was no fault of the network's."""
    from http.client import HTTPException
    from ssl import SSLCertVerificationError, SSLError
    from urllib.error import URLError

    if isinstance(error, URLError):
        if not isinstance(error.reason, Exception):
            return str(error.reason)
        error = error.reason
    match error:
        case TimeoutError():
            return f"it took more than {SECONDS:g} s"
        case SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message}"
        case SSLError():
            return f"no safe connection: {(error.reason or 'it ended').lower().replace('_', ' ')}"
        case OSError():
            return error.strerror or "the connection ended"
        case HTTPException() | ValueError():
            return "its answer is no HTTP"
        case _:
            return None
