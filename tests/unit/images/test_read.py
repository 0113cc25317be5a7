"""`read` and `content_hash`: whole regular files, and one reason for everything else."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from vsearch.errors import ImageError, SkipReason
from vsearch.images import read as reading
from vsearch.images.read import content_hash, head, read, read_fifo


def test_the_whole_file_is_returned(tmp_path: Path) -> None:
    data = os.urandom(200_001)
    (tmp_path / "a").write_bytes(data)
    assert read(str(tmp_path / "a"), len(data)) == data


def test_a_file_whose_size_the_system_does_not_tell_is_read_to_its_end() -> None:
    assert read("/proc/self/status", 1 << 20).startswith(b"Name:")


@pytest.mark.parametrize(
    ("make", "reason", "detail"),
    [
        (lambda p: p.write_bytes(b""), SkipReason.EMPTY, ""),
        (Path.absolute, SkipReason.UNREADABLE, "No such file or directory"),
        (lambda p: p.mkdir(), SkipReason.SPECIAL, "folder"),
        (os.mkfifo, SkipReason.SPECIAL, "fifo"),
        (
            lambda p: p.write_bytes(bytes(1001)),
            SkipReason.TOO_LARGE,
            "1,001 bytes, the limit is 1,000; raise it with --max-megapixels",
        ),
    ],
    ids=["empty", "missing", "folder", "fifo", "too large"],
)
def test_what_cannot_be_read_has_one_reason(
    tmp_path: Path, make: Callable[[Path], object], reason: SkipReason, detail: str
) -> None:
    path = tmp_path / "a.jpg"
    make(path)
    with pytest.raises(ImageError) as caught:
        read(str(path), 1000)
    assert (caught.value.reason, caught.value.detail) == (reason, detail)


def read_while_written(path: Path, monkeypatch: pytest.MonkeyPatch, *writes: bytes) -> bytes:
    """Read a file that is changed each time one has read it, as long as there is something new."""
    left = list(writes)
    content = reading._content

    def read_and_change(file: int, length: int, limit: int) -> bytes:
        found = content(file, length, limit)
        if left:
            path.write_bytes(left.pop(0))
        return found

    monkeypatch.setattr(reading, "_content", read_and_change)
    return read(str(path), 1000)


def test_a_file_that_is_being_written_is_read_until_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"old")
    assert read_while_written(path, monkeypatch, b"new", b"longer than that", b"end") == b"end"


def test_a_file_that_never_stays_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"a")
    with pytest.raises(ImageError) as caught:
        read_while_written(path, monkeypatch, *([b"b", b"a"] * 5))
    assert caught.value.reason is SkipReason.UNREADABLE
    assert caught.value.detail == "it is being written"


def test_the_hash_is_xxh3_of_the_full_content() -> None:
    # The published test value of XXH3-128 for no bytes at all.
    assert content_hash(b"").hex() == "99aa06d3014798d86001c324468d497f"
    one, other = bytes(3_000_000), bytes(1_500_000) + b"\1" + bytes(1_499_999)
    assert len(content_hash(one)) == 16
    assert content_hash(one) != content_hash(other)


def test_the_head_of_a_file_and_of_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(200)))
    os.mkfifo(tmp_path / "fifo")
    assert head(str(tmp_path / "file")) == bytes(range(64))
    assert head(str(tmp_path / "file"), 3) == b"\0\1\2"
    for name, reason in (
        ("fifo", SkipReason.SPECIAL),
        ("nowhere", SkipReason.UNREADABLE),
        (".", SkipReason.SPECIAL),
    ):
        with pytest.raises(ImageError) as caught:
            head(str(tmp_path / name))
        assert caught.value.reason is reason


@pytest.mark.parametrize("length", [1, 65_536, 200_001])
def test_a_fifo_is_read_until_its_writer_is_done(tmp_path: Path, length: int) -> None:
    data = os.urandom(length)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(data,))
    writer.start()
    assert read_fifo(str(fifo), length) == data
    writer.join()


def test_a_fifo_without_end_is_read_to_the_limit(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def write() -> None:
        with suppress(BrokenPipeError), fifo.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(ImageError, match="more than 100,000 bytes") as caught:
        read_fifo(str(fifo), 100_000)
    assert caught.value.reason == SkipReason.TOO_LARGE
    writer.join()


def test_what_is_no_fifo_and_what_nothing_comes_through(tmp_path: Path) -> None:
    fifo, file = tmp_path / "fifo", tmp_path / "file"
    os.mkfifo(fifo)
    file.write_bytes(b"x")
    writer = threading.Thread(target=fifo.write_bytes, args=(b"",))
    writer.start()
    reasons = []
    for path in (fifo, file, tmp_path, tmp_path / "missing"):
        with pytest.raises(ImageError) as caught:
            read_fifo(str(path), 1000)
        reasons.append(caught.value.reason)
    writer.join()
    assert reasons == [
        SkipReason.EMPTY, SkipReason.SPECIAL, SkipReason.UNREADABLE, SkipReason.UNREADABLE,
    ]  # fmt: skip
