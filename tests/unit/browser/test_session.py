"""Questions and what comes of them, in a thread that is not the one that asks."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, paint
from numpy.typing import NDArray

from vsearch.browser.history import Question
from vsearch.browser.session import Reply, Session
from vsearch.errors import IndexMissing
from vsearch.indexing.run import Options, update
from vsearch.searching.filters import Filters
from vsearch.searching.searcher import Searcher


class SlowEncoder(FakeEncoder):
    """Texts wait until they may be embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        self.begun.set()
        assert self.go_on.wait(30)
        return super().encode_texts(texts)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index in `.vsearch` of red.png, green.png, blue.png, and olive.png = (0.6, 0.8, 0)."""
    root = tmp_path / "photos"
    for name, colour in (("red", RED), ("green", GREEN), ("blue", BLUE), ("olive", (90, 120, 0))):
        paint(root / f"{name}.png", colour)
    index(root)
    monkeypatch.chdir(root)
    return root


def index(root: Path) -> None:
    list(update(root / ".vsearch", FakeEncoder(), [str(root)], Options(2, 10_000)))


@pytest.fixture
def session(photos: Path) -> Iterator[Session]:
    session = opened(photos)
    yield session
    session.close()


def opened(
    photos: Path, encoder: FakeEncoder | None = None, filters: Filters | None = None
) -> Session:
    def searcher() -> Searcher:
        return Searcher(photos / ".vsearch", encoder or FakeEncoder(), pixel_limit=10_000)

    return Session(searcher, filters.condition() if filters else None)


def ask(session: Session, question: Question, count: int = 10) -> Reply:
    reply = asyncio.run(session.ask(question, count))
    assert reply is not None
    return reply


def names(reply: Reply) -> list[str]:
    assert reply.answer is not None, reply.fault
    return [Path(match.path).stem for match in reply.answer.matches]


def test_lines_are_answered(session: Session) -> None:
    session.prepare()
    assert names(ask(session, Question("line", "red"), 2)) == ["red", "olive"]
    assert names(ask(session, Question("line", "green - red"), 1)) == ["green"]


def test_more_like_a_picture_is_by_its_embedding_in_the_index(
    session: Session, photos: Path
) -> None:
    (photos / "olive.png").unlink()
    reply = ask(session, Question("like", str(photos / "olive.png")))
    assert names(reply) == ["green", "red", "blue"]


def test_a_picture_that_is_typed_is_one_of_the_index(session: Session, photos: Path) -> None:
    assert names(ask(session, Question("line", "olive.png"))) == ["green", "red", "blue"]
    paint(photos / "new.png", RED)
    assert ask(session, Question("line", "new.png")) == Reply(
        Question("line", "new.png"), 10, None,
        "not in the index, 'new.png'; `vsearch search` finds what looks like it",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("dog.jpg", "no such picture", id="a name half typed"),
        pytest.param("0:dog", "a weight of zero", id="a weight half typed"),
        pytest.param("https://example.org/a.jpg", "addresses are not fetched", id="an address"),
        pytest.param("ftp://a", "http and https only", id="another address"),
        pytest.param("red - red", "cancel each other out", id="nothing is left"),
    ],
)
def test_what_cannot_be_used_is_one_line(session: Session, line: str, words: str) -> None:
    reply = ask(session, Question("line", line))
    assert reply.answer is None
    assert words in reply.fault
    assert names(ask(session, Question("line", "red"), 1)) == ["red"]


def test_only_what_meets_the_condition_is_an_answer(photos: Path) -> None:
    session = opened(photos, filters=Filters(where="name != 'red.png'"))
    assert names(ask(session, Question("line", "red"))) == ["olive", "blue", "green"]
    session.close()


def test_the_newest_question_wins(photos: Path) -> None:
    encoder = SlowEncoder()
    session = opened(photos, encoder)

    async def ask_three() -> list[Reply | None]:
        async def one(line: str) -> Reply | None:
            return await session.ask(Question("line", line), 1)

        first = asyncio.create_task(one("red"))
        await asyncio.to_thread(encoder.begun.wait, 30)
        others = [asyncio.create_task(one(line)) for line in ("green", "blue")]
        await asyncio.sleep(0)
        encoder.go_on.set()
        return [await first, *[await other for other in others]]

    first, second, third = asyncio.run(ask_three())
    assert (first, second) == (None, None)
    assert third is not None
    assert names(third) == ["blue"]
    assert encoder.asked == ["red", "blue"]  # what was overtaken before it began costs nothing
    session.close()


def test_answers_are_of_the_index_as_it_was_until_it_is_read_anew(
    session: Session, photos: Path
) -> None:
    red = Question("line", "red")
    assert names(ask(session, red)) == ["red", "olive", "blue", "green"]
    paint(photos / "dark.png", (120, 0, 0))
    (photos / "green.png").unlink()
    index(photos)
    assert names(ask(session, red)) == ["red", "olive", "blue", "green"]
    asyncio.run(session.reload())
    assert names(ask(session, red)) == ["red", "dark", "olive", "blue"]


def test_an_index_that_cannot_be_opened_is_said_with_each_question(photos: Path) -> None:
    def missing() -> Searcher:
        raise IndexMissing("no index")

    session = Session(missing, None)
    session.prepare()
    for _ in range(2):
        assert ask(session, Question("line", "red")).fault == "no index"
    session.close()
