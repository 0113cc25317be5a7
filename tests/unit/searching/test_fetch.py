"""Pictures fetched from an address, and all that may answer instead."""

import base64
import io
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pictures_server as serving
import pytest
from fake_encoder import FakeEncoder
from PIL import Image

from vsearch.errors import UsageError
from vsearch.searching import fetch as fetching
from vsearch.searching.fetch import Address, fetch, is_url, shown
from vsearch.searching.query import Term, embed, parse

LIMIT = 100_000  # bytes


def png(colour: tuple[int, int, int], size: tuple[int, int] = (4, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


GREEN = png((0, 255, 0))
PAGE = b"<!doctype html><html><body>" + b"no picture here " * 20 + b"</body></html>"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[serving.Server]:
    routes = {
        "/green.png": serving.body(GREEN),
        "/open-ended": serving.without_length(GREEN),
        "/chunks": serving.in_chunks(GREEN, 7),
        "/many": serving.in_chunks(GREEN + bytes(LIMIT - len(GREEN)), 1000),
        "/exactly": serving.body(GREEN + bytes(LIMIT - len(GREEN))),
        "/page": serving.body(PAGE, Content_Type="image/png"),
        "/short": serving.body(b"GIF"),
        "/nothing": serving.body(b""),
        "/announced": serving.body(GREEN, Content_Length=LIMIT + 1),
        "/one-more": serving.without_length(GREEN + bytes(LIMIT + 1 - len(GREEN))),
        "/endless": serving.endless(GREEN + bytes(10_000)),
        "/endless-chunks": serving.in_chunks(GREEN + bytes(10 * LIMIT), 1000),
        "/cut": serving.body(GREEN, Content_Length=len(GREEN) + 10),
        "/odd-length": serving.body(GREEN, Content_Length="-5"),
        "/no-length": serving.body(GREEN, Content_Length="many"),
        "/drip": serving.dripping(GREEN + bytes(10_000), 0.05),
        "/drip-headers": serving.dripping_headers,
        "/hang": serving.hanging,
        "/gone": serving.status(410),
        "/error": serving.status(500),
        "/odd-status": serving.status(299),
        "/nonsense": serving.raw(b"220 ready\r\n"),
        "/silent": serving.raw(b""),
        "/long-header": serving.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
        "/many-headers": serving.raw(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n"),
        "/bad-chunks": serving.raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + GREEN
        ),
        "/to-green": serving.redirect("/green.png"),
        "/relative": serving.redirect("green.png", 301),
        "/see-other": serving.redirect("to-green", 303),
        "/loop": serving.redirect("/loop", 307),
        "/to-file": serving.redirect("file:///etc/hostname"),
        "/to-ftp": serving.redirect("ftp://127.0.0.1/green.png"),
        "/to-data": serving.redirect("data:image/png;base64,iVBORw0KGgo="),
        "/to-nowhere": serving.redirect("http://[::1"),
        "/to-odd-port": serving.redirect("http://127.0.0.1:nine/"),
        "/to-none": serving.redirect(""),
        "/gr%C3%BCn.png": serving.body(GREEN),
        "/a%20b.png?x=1%2B2&y=%C3%BC": serving.body(GREEN),
        "/to-bytes": serving.redirect("/gr\xc3\xbcn.png"),
    }
    for step in range(1, 7):
        routes[f"/step{step}"] = serving.redirect(f"/step{step - 1}", 308)
    routes["/step0"] = serving.body(GREEN)
    with serving.Server(routes) as started:
        yield started


@pytest.mark.parametrize(
    "path",
    [
        "/green.png", "/green.png#part", "/open-ended", "/chunks", "/odd-length", "/no-length",
        "/to-green", "/relative", "/see-other", "/step5", "/grün.png", "/gr%C3%BCn.png",
        "/a b.png?x=1%2B2&y=ü", "/to-bytes",
    ],
)  # fmt: skip
def test_a_picture_comes_as_it_is(server: serving.Server, path: str) -> None:
    assert fetch(server.url + path, LIMIT) == GREEN


@pytest.mark.parametrize("path", ["/exactly", "/many"])
def test_a_picture_may_be_as_long_as_the_limit(server: serving.Server, path: str) -> None:
    assert fetch(server.url + path, LIMIT) == GREEN + bytes(LIMIT - len(GREEN))


REFUSED = {
    "/none.png": "404 Not Found",
    "/gone": "410 Gone",
    "/error": "500 Internal Server Error",
    "/odd-status": "status 299",
    "/page": "what is there is no picture",
    "/short": "what is there is no picture",
    "/nothing": "nothing came",
    "/announced": "it has more than 100,000 bytes",
    "/one-more": "it has more than 100,000 bytes",
    "/endless": "it has more than 100,000 bytes",
    "/endless-chunks": "it has more than 100,000 bytes",
    "/cut": f"it ended after {len(GREEN)} of {len(GREEN) + 10} bytes",
    "/drip": "it took more than 0.6 s",
    "/drip-headers": "it took more than 0.6 s",
    "/hang": "it took more than 0.6 s",
    "/nonsense": "its answer is no HTTP",
    "/silent": "the connection ended",
    "/long-header": "its answer is no HTTP",
    "/many-headers": "its answer is no HTTP",
    "/bad-chunks": "its answer is no HTTP",
    "/loop": "it redirects more than 5 times",
    "/step6": "it redirects more than 5 times",
    "/to-file": "it redirects to another scheme than http and https",
    "/to-ftp": "it redirects to another scheme than http and https",
    "/to-data": "it redirects to another scheme than http and https",
    "/to-nowhere": "it redirects to what is no address",
    "/to-odd-port": "it redirects to what is no address",
    "/to-none": "302 Found",
}


@pytest.mark.parametrize(("path", "expected"), REFUSED.items(), ids=REFUSED.keys())
def test_what_is_refused(
    server: serving.Server, path: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.6 if "0.6 s" in expected else 20.0)
    with pytest.raises(UsageError) as caught:
        fetch(server.url + path, LIMIT)
    assert str(caught.value) == (
        f"the picture cannot be fetched ({expected}), from '{server.url}{path}'; "
        "look whether a browser shows it, or fetch it yourself and name the file"
    )


def test_a_loop_is_left_after_five_redirections(server: serving.Server) -> None:
    with pytest.raises(UsageError):
        fetch(server.url + "/loop", LIMIT)
    assert len(server.asked) == 6


def test_never_more_than_64_megabytes(
    server: serving.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetching.MOST_BYTES == 64_000_000
    monkeypatch.setattr(fetching, "MOST_BYTES", 50)
    with pytest.raises(UsageError, match="it has more than 50 bytes"):
        fetch(server.url + "/green.png", LIMIT)


def test_nobody_is_there() -> None:
    with socket.socket() as held:  # bound and not listening: nobody else can be there
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/a.png"
        with pytest.raises(
            UsageError, match=r"cannot be fetched \(Connection refused\), from 'http"
        ):
            fetch(url, LIMIT)


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def unknown(host: str, *_: object) -> list[object]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.delenv("no_proxy")
    with pytest.raises(UsageError, match=r"\(Name or service not known\), from 'http://grüße.exam"):
        fetch("http://grüße.example/a.png", LIMIT)
    assert [host.partition("-")[0] for host in asked] == ["xn"]


def test_tls_where_there_is_none(server: serving.Server) -> None:
    with pytest.raises(UsageError, match=r"cannot be fetched \(no safe connection: "):
        fetch(server.url.replace("http", "https") + "/green.png", LIMIT)


def test_requests_say_what_is_wanted_and_nothing_of_the_person(server: serving.Server) -> None:
    fetch(server.url + "/to-green", LIMIT)
    for _, headers in server.asked:
        assert headers.pop("User-Agent").startswith("vsearch/")
        assert headers == {
            "Host": f"127.0.0.1:{server.port}", "Accept": "image/*", "Connection": "close",
            "Accept-Encoding": "identity",
        }  # fmt: skip


def test_a_login_is_sent_to_whom_it_is_for_and_never_shown(server: serving.Server) -> None:
    def at(path: str) -> str:
        return f"http://us%40er:pä%3As@127.0.0.1:{server.port}{path}"

    assert fetch(at("/to-green"), LIMIT) == GREEN
    logins = [headers.get("Authorization") for _, headers in server.asked]
    assert logins == [f"Basic {base64.b64encode('us@er:pä:s'.encode()).decode()}", None]
    for path in ("/none.png", "/page", "/loop", "/to-odd-port"):
        with pytest.raises(UsageError) as caught:
            fetch(at(path), LIMIT)
        assert f"from 'http://127.0.0.1:{server.port}{path}'" in str(caught.value)


def test_the_proxy_of_the_environment_is_asked(
    server: serving.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.url)
    server.routes["http://pictures.example/a.png"] = serving.body(GREEN)
    assert fetch("http://user:pass@pictures.example/a.png", LIMIT) == GREEN
    assert [path for path, _ in server.asked] == ["http://pictures.example/a.png"]
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    with pytest.raises(UsageError, match="cannot be fetched"):
        fetch("http://pictures.example/a.png", LIMIT)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.ORG/A.jpg", "http://example.org/A.jpg"),
        ("https://example.org", "https://example.org/"),
        ("https://example.org?a=b", "https://example.org/?a=b"),
        ("http://bücher.example/ü?ß#x", "http://xn--bcher-kva.example/%C3%BC?%C3%9F"),
        ("http://[::1]:8080/a%20b", "http://[::1]:8080/a%20b"),
        ("http://u:p@example.org:80/@a", "http://example.org:80/@a"),
    ],
)
def test_an_address_in_ascii(url: str, expected: str) -> None:
    assert Address.of(url).url == expected


BAD = [
    "http://", "https:///a.jpg", "http://:80/", "http://exa mple/", "http://example.org:port/",
    "http://example.org:99999/", "http://[::1/", "http://user:secret@", "http://a\nb/",
    "http://example.org/\x00", "http://example.org/\u202egpj", "http://example.org\\@evil.example/",
    "http://" + "a" * 64 + ".example/", "http://user:sec/ret@example.org/", "http://exa%6dple/",
    "http://example.org\uff0fevil/",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_address_is_told_without_repeating_it(url: str) -> None:
    assert is_url(url)
    with pytest.raises(UsageError) as caught:
        parse([url])
    assert str(caught.value) == (
        "an address that cannot be asked for; write it as https://host/path"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:pass@example.org/a", "https://example.org/a"),
        ("2:HTTPS://user@example.org/a", "2:HTTPS://example.org/a"),
        ("http://a@b@example.org/@c", "http://example.org/@c"),
        ("https://example.org/@someone/a.jpg", "https://example.org/@someone/a.jpg"),
    ],
)
def test_a_login_is_left_out_of_what_is_shown(url: str, expected: str) -> None:
    assert shown(url) == expected


# As terms of a query


def test_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "http:").mkdir()
    (tmp_path / "http:" / "a.png").write_bytes(GREEN)
    assert parse(
        ["http://a.png", "2:https://u:p@h/b", "HTTP://h", "http:/a.png", "see http://h/"],
        ["http://h/c", "0.5:http://h/d"],
    ) == [
        Term("http://a.png", "url", 1), Term("https://u:p@h/b", "url", 2),
        Term("HTTP://h", "url", 1), Term("http:/a.png", "picture", 1),
        Term("see http://h/", "words", 1), Term("http://h/c", "url", -1),
        Term("http://h/d", "url", -0.5),
    ]  # fmt: skip
    assert parse(["https://u:p@h/b"])[0].shown == "https://h/b"
    for typed in ("0:http://u:secret@h/", f"{'9' * 400}:http://u:secret@h/"):
        with pytest.raises(UsageError) as caught:
            parse([typed])
        assert "secret" not in str(caught.value)


def test_offline_refuses_addresses_and_nothing_else() -> None:
    assert len(parse(["red"], offline=True)) == 1
    for terms, minus in ((["http://u:p@h/a"], []), (["red"], ["2:http://u:p@h/a"])):
        with pytest.raises(UsageError) as caught:
            parse(terms, minus, offline=True)
        assert str(caught.value) == (
            "the network is not to be used, for 'http://h/a'; leave out --offline and unset "
            "VSEARCH_OFFLINE, or name a file"
        )


def test_what_is_fetched_is_embedded_as_a_file_is(server: serving.Server) -> None:
    url = server.url + "/green.png"
    query = embed(parse(["4:" + url, "3:blue"]), FakeEncoder(), 1000)
    assert query == pytest.approx(np.array([0, 0.8, 0.6]), abs=1e-6)
    query = embed(parse(["red", "green"], ["2:" + url]), FakeEncoder(), 1000)
    assert query == pytest.approx(np.array([1, 0, 0]), abs=1e-6)


def test_a_picture_that_cannot_be_used_is_told(server: serving.Server) -> None:
    server.routes["/broken.jpg"] = serving.body(b"\xff\xd8\xff\xe0" + bytes(100))
    server.routes["/large.png"] = serving.body(png((0, 0, 255), (50, 50)))
    for path, reason in {"/broken.jpg": "damaged image", "/large.png": "too large: 50x50"}.items():
        url = f"http://user:pass@127.0.0.1:{server.port}{path}"
        with pytest.raises(UsageError) as caught:
            embed(parse([url]), FakeEncoder(), 2000)
        assert str(caught.value).startswith(f"the query picture cannot be used ({reason}")
        assert str(caught.value).endswith(f"), at '{server.url}{path}'; choose another")


def test_the_byte_limit_of_the_pixels_holds(server: serving.Server) -> None:
    with pytest.raises(UsageError, match="it has more than 8 bytes"):
        embed(parse([server.url + "/green.png"]), FakeEncoder(), 1)
