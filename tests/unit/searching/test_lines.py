"""Queries a line each: as they come, in order, each as if asked alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, paint
from numpy.typing import NDArray

from vsearch.conditions import Below
from vsearch.errors import ModelError, UsageError
from vsearch.indexing.run import Options, update
from vsearch.searching.lines import BATCH, LONGEST, Line, answered, batches
from vsearch.searching.query import parse
from vsearch.searching.searcher import Query, Searcher


class Chunks(io.BufferedIOBase):
    """What comes in pieces, as through a pipe; `read` counts them."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = chunks
        self.read_so_far = 0

    def read1(self, size: int = -1, /) -> bytes:
        if self.read_so_far == len(self.chunks):
            return b""
        self.read_so_far += 1
        return self.chunks[self.read_so_far - 1]


def lines(*chunks: bytes) -> list[tuple[int, str]]:
    return [(line.number, line.text) for batch in batches(Chunks(chunks)) for line in batch]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\n \n\t\r\n", [], id="blank"),
        pytest.param(b"a", [(1, "a")], id="no end of line"),
        pytest.param(b"a\n", [(1, "a")], id="an end of line"),
        pytest.param(b"a\r\n\r\nb c\r\n", [(1, "a"), (3, "b c")], id="CR LF"),
        pytest.param(b"\n# a\n;\n", [(2, "# a"), (3, ";")], id="nothing is a comment"),
        pytest.param("\ufeffä\n".encode(), [(1, "ä")], id="a byte order mark"),
        pytest.param(b" a \n", [(1, " a ")], id="spaces"),
        pytest.param(b"\xff\n", [(1, "\udcff")], id="no UTF-8"),
        pytest.param(b"a\x0bb\x85\x1cc\n", [(1, "a\x0bb\udc85\x1cc")], id="other separators"),
    ],
)
def test_lines(data: bytes, expected: list[tuple[int, str]]) -> None:
    assert lines(data) == expected
    assert lines(*(bytes([one]) for one in data)) == expected


def test_however_they_come_they_are_the_same() -> None:
    random = Random(1)
    data = "\n".join("ä" * random.randrange(9) for _ in range(500)).encode()
    whole = [(n, text) for n, text in enumerate(data.decode().split("\n"), 1) if text]
    for _ in range(20):
        cuts = sorted(random.randrange(len(data)) for _ in range(random.randrange(40)))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]
        assert lines(*pieces) == whole


def test_batches_are_bounded_and_never_empty() -> None:
    data = [b"a\n" * (2 * BATCH + 1), b"b", b"\n\n\n", b"c"]
    assert [len(batch) for batch in batches(Chunks(data))] == [BATCH, BATCH, 1, 1, 1]


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1, 5 * LONGEST])
@pytest.mark.parametrize("piece", [1000, 1 << 16])
def test_a_line_that_is_too_long_is_not_kept(length: int, piece: int) -> None:
    data = b"a\n" + length * b"x" + b"\nb\n"
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    found = [line for batch in batches(Chunks(pieces)) for line in batch]
    assert [(line.number, line.text[:1]) for line in found] == [(1, "a"), (2, "x"), (3, "b")]
    assert [bool(line.fault) for line in found] == [False, length > LONGEST, False]
    if length > LONGEST:
        assert (len(found[1].text), str(found[1].fault)) == (
            80, "a query of more than 65,536 bytes; name what you look for",
        )  # fmt: skip


@pytest.fixture
def searcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Searcher]:
    """Yield a searcher of red.png, green.png, blue.png, standing among them."""
    for name, colour in {"red": RED, "green": GREEN, "blue": BLUE}.items():
        paint(tmp_path / f"{name}.png", colour)
    list(update(tmp_path / ".vsearch", FakeEncoder(), [str(tmp_path)], Options(2, 10_000)))
    monkeypatch.chdir(tmp_path)
    with Searcher(tmp_path / ".vsearch", FakeEncoder(), pixel_limit=10_000) as opened:
        yield opened


def understood(line: str) -> Query:
    return Query(parse([line]), 1)


def test_each_line_has_its_answer_or_its_fault(searcher: Searcher) -> None:
    Path("bad.png").write_text("no picture")
    data = b"red\nnone.jpg\n\nbad.png\n2:green.png\n" + b"y" * (LONGEST + 1) + b"\nblue\n"
    told = [
        (line.number, str(one).partition(";")[0] if isinstance(one, UsageError)
         else [Path(match.path).name for match in one.matches])
        for line, one in answered(searcher, batches(Chunks([data])), understood)
    ]  # fmt: skip
    assert told[:4] == [
        (1, ["red.png"]), (2, "no such picture, named 'none.jpg'"),
        (4, "the query picture cannot be used (not an image), at 'bad.png'"),
        (5, told[3][1]),
    ]  # fmt: skip
    assert told[3][1] in (["red.png"], ["blue.png"])  # not the picture itself
    assert told[4:] == [(6, "a query of more than 65,536 bytes"), (7, ["blue.png"])]


def test_what_has_come_is_answered_before_more_is_waited_for(searcher: Searcher) -> None:
    stream = Chunks([b"red\ngreen\nbl", b"ue\n", b"red"])
    read = [
        (line.number, stream.read_so_far)
        for line, _ in answered(searcher, batches(stream), understood)
    ]
    assert read == [(1, 1), (2, 1), (3, 2), (4, 3)]


def test_the_words_of_a_batch_are_embedded_in_one_call(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    plain = FakeEncoder.encode_texts

    def counted(self: FakeEncoder, texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append(len(texts))
        return plain(self, texts)

    monkeypatch.setattr(FakeEncoder, "encode_texts", counted)
    data = b"".join(b"word %d\n" % number for number in range(BATCH + 5))
    assert len(list(answered(searcher, batches(Chunks([data])), understood))) == BATCH + 5
    assert calls == [BATCH, 5]


def test_a_condition_is_looked_up_once(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsearch.index.catalog import Catalog

    looked: list[object] = []
    plain: Callable[..., list[int]] = Catalog.selected

    def counted(self: Catalog, *arguments: object) -> list[int]:
        looked.append(arguments)
        return plain(self, *arguments)

    monkeypatch.setattr(Catalog, "selected", counted)

    def ask(*names: str) -> list[list[str]]:
        queries = [Query(parse(["red"]), 2, Below(str(Path(name).resolve()))) for name in names]
        answers = searcher.answers(queries)
        return [
            [Path(match.path).name for match in one.matches]
            for one in answers
            if not isinstance(one, UsageError)
        ]

    assert ask("blue.png", "blue.png", "green.png", "blue.png") == [
        ["blue.png"], ["blue.png"], ["green.png"], ["blue.png"],
    ]  # fmt: skip
    assert len(looked) == 3


def test_who_has_asked_for_much_is_expected_to_ask_for_more(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsearch.searching import search, strategy

    expected: list[int] = []
    plain: Callable[..., object] = strategy.choose

    def noted(*, queries: int, **others: object) -> object:
        expected.append(queries)
        return plain(queries=queries, **others)

    monkeypatch.setattr(search, "choose", noted)
    data = [b"red\n", b"blue\n" * 3, b"green\n"]
    assert len(list(answered(searcher, batches(Chunks(data)), understood))) == 5
    assert expected == [1, 4, 4, 4, 5]


def test_what_is_no_lines_fault_ends_it(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: FakeEncoder, texts: Sequence[str]) -> NDArray[np.float32]:
        raise ModelError("it broke")

    monkeypatch.setattr(FakeEncoder, "encode_texts", failing)
    with pytest.raises(ModelError):
        list(answered(searcher, [[Line(1, "red")]], understood))
