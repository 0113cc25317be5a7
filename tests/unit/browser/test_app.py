"""The browser itself, with a pilot at its keys."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, paint
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from vsearch.browser import app as app_module
from vsearch.browser.app import Browser, Browsing, FileScreen, HelpScreen, keys_within
from vsearch.browser.grid import Tile
from vsearch.browser.history import Question
from vsearch.browser.session import Reply, Session
from vsearch.indexing.run import Options, update
from vsearch.output.graphics import Graphics
from vsearch.records import Match
from vsearch.searching.searcher import Searcher

Story = Callable[[Pilot[bool]], Awaitable[None]]
Play = Callable[..., Browser]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index in `.vsearch` of red.png, green.png, blue.png, and olive.png = (0.6, 0.8, 0)."""
    root = tmp_path / "photos"
    for name, colour in (("red", RED), ("green", GREEN), ("blue", BLUE), ("olive", (90, 120, 0))):
        paint(root / f"{name}.png", colour, (40, 30))
    index(root)
    monkeypatch.chdir(root)
    return root


def index(root: Path) -> None:
    list(update(root / ".vsearch", FakeEncoder(), [str(root)], Options(2, 10_000)))


@pytest.fixture
def play(photos: Path) -> Play:
    """Return a function that plays a story in a browser of a size and returns that."""

    def write(matches: Sequence[Match], path: Path) -> None:
        with path.open("x") as file:
            file.writelines(f"{match.path}\n" for match in matches)

    def played(
        story: Story,
        size: tuple[int, int] = (80, 24),
        line: str = "",
        min_relevance: float = 0.0,
    ) -> Browser:
        def open_searcher() -> Searcher:
            return Searcher(photos / ".vsearch", FakeEncoder(), pixel_limit=10_000)

        session = Session(open_searcher, None, min_relevance)
        app = Browser(
            session,
            Graphics("blocks", 10, 20),
            line=line,
            write=write,
            pixel_limit=10_000,
            workers=1,
        )

        async def run() -> None:
            async with app.run_test(size=size) as pilot:
                await story(pilot)

        try:
            asyncio.run(run())
        finally:
            session.close()
        return app

    return played


def browser(pilot: Pilot[bool]) -> Browsing:
    app = pilot.app
    assert isinstance(app, Browser)
    return app.browsing


def shown(pilot: Pilot[bool]) -> list[str]:
    """Return the names below the pictures, an angle before that of the chosen one."""
    tiles = browser(pilot).grid.query(Tile)
    return [
        ("> " if tile.has_class("chosen") else "") + str(tile.query(Static).last().render())
        for tile in tiles
        if tile.match
    ]


def text(pilot: Pilot[bool], selector: str) -> str:
    return str(browser(pilot).query_one(selector, Static).render())


async def until(pilot: Pilot[bool], holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError(shown(pilot), text(pilot, "#status"))


async def answered(pilot: Pilot[bool], first: str) -> None:
    """Wait for an answer that begins with this picture."""
    await until(pilot, lambda: bool(shown(pilot)) and first in shown(pilot)[0])
    await pilot.pause()


@asynccontextmanager
async def among_pictures(pilot: Pilot[bool], line: str = "red") -> AsyncIterator[None]:
    """Type a line and go to the pictures."""
    await pilot.press(*line, "enter")
    await answered(pilot, line)
    yield


RED_FIRST = ["> 94% red.png", "23% olive.png", "0% blue.png", "0% green.png"]


def test_pictures_come_as_one_types(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        assert text(pilot, "#status") == "Type what you look for; the pictures come as you type."
        await pilot.press(*"red")
        await answered(pilot, "red")
        assert shown(pilot) == RED_FIRST
        await pilot.press("space", "plus", "space", *"green")
        await until(pilot, lambda: shown(pilot)[0].endswith("olive.png"))
        await pilot.press("space", "minus", "space", "2", "colon", *"green")
        await until(pilot, lambda: shown(pilot)[0].endswith("red.png"))
        await pilot.press(*["backspace"] * 30)
        await until(pilot, lambda: not shown(pilot))
        assert isinstance(pilot.app.focused, Input)

    play(story)


def test_words_that_are_not_finished_do_no_harm(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        await pilot.press(*"red")
        await answered(pilot, "red")
        await pilot.press(*" - ")
        await pilot.pause(0.2)
        assert shown(pilot) == RED_FIRST
        await pilot.press(*"dog.jp")
        await pilot.press("g")
        await until(pilot, lambda: "no such picture" in text(pilot, "#status"))
        assert "fault" in pilot.app.query_one("#status").classes
        await pilot.press(*["backspace"] * 10)
        # Not the answer to a line that was only passed by.
        await until(pilot, lambda: shown(pilot) == RED_FIRST)
        await until(pilot, lambda: text(pilot, "#status").startswith("1–4 of 4"))

    play(story)


def test_thumbnails_are_drawn_where_they_belong(play: Play, photos: Path) -> None:
    (photos / "blue.png").write_bytes(b"no picture any more")

    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            (photos / "green.png").unlink()  # too late: it is decoded, or it is gone
            tiles = list(browser(pilot).grid.query(Tile))[:3]
            await until(pilot, lambda: all(tile.picture.shown for tile in tiles))
            pictures = [tile.picture.shown for tile in tiles]
            colours = [one.image and one.image.getpixel((2, 2)) for one in pictures if one]
            assert colours == [RED, (90, 120, 0), None]
            assert pictures[2] is not None
            assert pictures[2].fault == "not an image"

    play(story)


def test_more_like_this_and_back(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            await pilot.press("right", "l")
            await answered(pilot, "green")
            assert shown(pilot) == ["> green.png", "red.png", "blue.png"]
            assert text(pilot, "#prompt") == "like olive.png › "
            await pilot.press("l")
            await answered(pilot, "olive")
            await pilot.press("b", "b")
            await answered(pilot, "red")
            assert shown(pilot) == ["94% red.png", "> 23% olive.png", *RED_FIRST[2:]]
            assert browser(pilot).query_line.value == "red"
            await pilot.press("b")
            assert text(pilot, "#status") == "nothing was shown before this"

    play(story)


def test_what_was_passed_by_while_typing_is_nothing_to_go_back_to(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        await pilot.press(*"green")
        await answered(pilot, "green")
        await pilot.press(*["backspace"] * 5, *"blue")
        await answered(pilot, "blue")
        await pilot.press("enter", "l")
        await until(pilot, lambda: text(pilot, "#prompt").startswith("like"))
        await pilot.press("b")
        await answered(pilot, "blue")
        await pilot.press("b")
        assert text(pilot, "#status") == "nothing was shown before this"

    play(story)


def test_marked_pictures_are_returned(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            await pilot.press("right", "space", "space", "left", "left", "left", "space")
            assert shown(pilot) == [
                "✓ 94% red.png", "> ✓ 23% olive.png", "✓ 0% blue.png", "0% green.png",
            ]  # fmt: skip
            await pilot.press("v")
            assert shown(pilot) == ["> ✓ 23% olive.png", "✓ 0% blue.png", "✓ 94% red.png"]
            await pilot.press("right", "space", "b")
            await pilot.press("q")

    app = play(story)
    assert app.return_value is True
    assert [Path(match.path).name for match in app.browsing.marks.all()] == ["olive.png", "red.png"]


def test_all_on_a_page_are_marked(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            assert shown(pilot) == ["> 94% red.png", "23% olive.png"]
            await pilot.press("a", "pagedown")
            assert shown(pilot) == ["> 0% blue.png", "0% green.png"]
            assert text(pilot, "#status").startswith("3–4 of 4  2 marked")
            await pilot.press("A")
            assert text(pilot, "#status").startswith("3–4 of 4  4 marked")
            await pilot.press("A", "home")
            assert shown(pilot) == ["> 94% red.png", "23% olive.png"]

    play(story, (40, 12))


def test_ctrl_c_drops_marks_only_when_asked_twice(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            await pilot.press("space", "ctrl+c")
            assert text(pilot, "#status") == (
                "1 marked: ctrl+q quits and prints them, ctrl+c drops them"
            )
            await pilot.press("ctrl+c")

    assert play(story).return_value is False


def test_ctrl_c_at_once_where_nothing_is_marked(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        await pilot.press("r", "ctrl+c")

    assert play(story).return_value is False


def test_marked_paths_are_written_to_a_new_file(play: Play, photos: Path) -> None:
    async def write(pilot: Pilot[bool], status: str) -> None:
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, FileScreen))
        await pilot.press(*"chosen.txt", "enter")
        await until(pilot, lambda: text(pilot, "#status") == status)

    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            await pilot.press("w")
            assert text(pilot, "#status") == "nothing is marked; the space bar marks a picture"
            await pilot.press("space")
            await write(pilot, "1 path written to chosen.txt")
            await write(pilot, "not written: File exists, chosen.txt; name another file")
            await pilot.press("w", "escape", "q")

    play(story)
    assert (photos / "chosen.txt").read_text() == f"{photos / 'red.png'}\n"


def test_keys_in_one_burst_mean_what_they_do_where_the_one_before_has_led(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        await pilot.press(*"red")
        await answered(pilot, "red")
        # As from a slow line: all are there before the first is looked at.
        for key in ("tab", "right", "space", "space", "slash", "d", "o", "enter"):
            characters = {"space": " ", "slash": "/"}
            pilot.app.post_message(events.Key(key, characters.get(key, key[:2][0:1])))
        await until(pilot, lambda: browser(pilot).query_line.value == "reddo")
        assert [Path(match.path).name for match in browser(pilot).marks.all()] == [
            "olive.png", "blue.png",
        ]  # fmt: skip

    play(story)


def test_help_and_details(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        await pilot.press("f1")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape", "?", "backspace")  # a character, in the line
        async with among_pictures(pilot):
            await pilot.press("question_mark")
            assert isinstance(pilot.app.screen, HelpScreen)
            await pilot.press("q")
            assert not isinstance(pilot.app.screen, HelpScreen)
            await until(pilot, lambda: "red.png" in text(pilot, "#facts"))
            assert text(pilot, "#facts").splitlines()[:2][0] == "red.png"
            assert "40 × 30, PNG" in text(pilot, "#facts")
            panel = pilot.app.query_one("#details")
            assert panel.has_class("below")
            await pilot.press("d")
            assert not panel.has_class("below")
            await pilot.resize_terminal(120, 40)
            await pilot.press("d")
            assert panel.has_class("beside")

    play(story)


def test_a_name_is_shown_and_obeyed_in_nothing(play: Play, photos: Path) -> None:
    name = "[red]\x1b[31m\n\u202egnp.png"
    paint(photos / name, (130, 0, 0))
    index(photos)

    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            await pilot.press("right")
            assert shown(pilot)[1] == "> 94% [red]\\…gnp.png"
            await until(pilot, lambda: "[red]\\x1b[31m\\n\\u202e" in text(pilot, "#facts"))

    play(story, (80, 24), "")


def test_the_window_may_have_any_size(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            for width, height in ((200, 50), (40, 12), (12, 5), (3, 2), (1, 1), (80, 24)):
                await pilot.resize_terminal(width, height)
                await pilot.pause(0.1)
            assert shown(pilot) == RED_FIRST
            await pilot.press("plus")
            assert browser(pilot).grid.plan.columns == 3
            await pilot.press("minus", "minus")
            assert browser(pilot).grid.plan.columns == 5

    play(story)


def test_what_was_made_larger_is_so_in_a_window_of_another_size(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        def columns_are(count: int) -> bool:
            return browser(pilot).grid.plan.columns == count

        async with among_pictures(pilot):
            for keys, small, large in (("plus", 1, 3), ("minus", 2, 6), ("minus", 3, 9)):
                await pilot.press(keys)
                assert browser(pilot).grid.plan.columns == small
                await pilot.resize_terminal(200, 50)
                await until(pilot, partial(columns_are, large))
                await pilot.resize_terminal(40, 12)
                await until(pilot, partial(columns_are, small))

    play(story, (40, 12))


@pytest.mark.parametrize("width", [20, 40, 80])
def test_help_and_quit_are_named_at_any_width(play: Play, width: int) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        assert text(pilot, "#keys").endswith("F1 help  ctrl+c quit")
        await pilot.press(*"red", "enter")
        await pilot.pause()
        assert text(pilot, "#keys").endswith("? help  q quit")
        assert len(text(pilot, "#keys")) <= width

    play(story, (width, 12))


def test_keys_that_have_no_room_are_left_out() -> None:
    keys = ["left", "mark", "? help", "q quit"]
    assert keys_within(keys, 26) == "left  mark  ? help  q quit"
    assert keys_within(keys, 25) == "left  ? help  q quit"
    assert keys_within(keys, 3) == "? help  q quit"


def test_weak_ones_look_weak(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            captions = [tile.query(Static).last() for tile in browser(pilot).grid.query(Tile)]
            spans = [getattr(one.render(), "spans", None) for one in captions[:4]]
            assert list(map(bool, spans)) == [False, False, True, True]
            await until(pilot, lambda: "relevance  94%\n" in text(pilot, "#facts"))
            await pilot.press("end")
            await until(pilot, lambda: "relevance  0%, weak\n" in text(pilot, "#facts"))

    play(story, (120, 40))


def test_only_what_is_relevant_is_shown_when_asked_for(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            assert shown(pilot) == ["> 94% red.png"]
            await pilot.press("i", *" + blue")
            status = "nothing here matches; the most relevant picture has 0."
            await until(pilot, lambda: text(pilot, "#status").startswith(status))

    play(story, min_relevance=0.9)


def test_going_back_from_what_has_not_come_yet_is_to_stay(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            before = shown(pilot)
            session = browser(pilot)._session
            answered = asyncio.Event()

            async def slow(question: Question, count: int) -> Reply | None:
                await answered.wait()
                return await ask(question, count)

            ask, session.ask = session.ask, slow  # type: ignore[method-assign]  # a slow one in its place
            await pilot.press("l", "b")
            answered.set()
            await pilot.pause(0.2)
            assert shown(pilot) == before
            session.ask = ask  # type: ignore[method-assign]  # as it was
            await pilot.press("l")
            await until(pilot, lambda: len(shown(pilot)) == len(before) - 1)

    play(story)


def test_the_index_is_read_anew_when_asked(play: Play, photos: Path) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            paint(photos / "crimson.png", (160, 0, 0))
            index(photos)
            await pilot.press("l", "b")
            assert len(shown(pilot)) == 4
            await pilot.press("r")
            await until(pilot, lambda: len(shown(pilot)) == 5)

    play(story)


def test_a_path_is_copied_to_the_clipboard(
    play: Play, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        sent: list[str] = []
        async with among_pictures(pilot):
            assert pilot.app._driver
            monkeypatch.setattr(pilot.app._driver, "write", sent.append)
            await pilot.press("c")
            copied = next(data for data in sent if data.startswith("\x1b]52;c;"))
            path = base64.b64decode(copied.removeprefix("\x1b]52;c;").removesuffix("\a"))
            assert path.decode() == str(photos / "red.png")

    play(story)


def test_a_picture_is_opened_and_what_came_of_it_is_said(
    play: Play, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def show_file(path: str) -> str:
        opened.append(path)
        return "" if len(opened) == 1 else "there is no viewer"

    monkeypatch.setattr(app_module, "show_file", show_file)

    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            await pilot.press("enter")
            await until(pilot, lambda: text(pilot, "#status") == "opened red.png")
            await pilot.press("right", "o")
            await until(
                pilot, lambda: text(pilot, "#status") == "there is no viewer, for olive.png"
            )

    play(story)
    assert opened == [str(photos / "red.png"), str(photos / "olive.png")]


def test_the_mouse_chooses_opens_marks_and_turns_pages(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def show_file(path: str) -> str:
        opened.append(path)
        return ""

    monkeypatch.setattr(app_module, "show_file", show_file)

    async def story(pilot: Pilot[bool]) -> None:
        async with among_pictures(pilot):
            second = list(browser(pilot).grid.query(Tile))[1]
            await pilot.click(second)
            assert shown(pilot) == ["94% red.png", "> 23% olive.png"]
            await pilot.click(second, button=3)
            assert shown(pilot) == ["94% red.png", "> ✓ 23% olive.png"]
            await pilot.click(second, times=2)
            await until(pilot, lambda: bool(opened))

    play(story, (40, 12))
    assert [Path(path).name for path in opened] == ["olive.png"]


def test_what_was_asked_for_on_the_command_line_is_there_at_once(play: Play) -> None:
    async def story(pilot: Pilot[bool]) -> None:
        await answered(pilot, "blue")
        assert browser(pilot).query_line.value == "blue"
        await pilot.press(*" - red")
        assert browser(pilot).query_line.value == "blue - red"

    play(story, line="blue")


def test_more_is_asked_for_before_one_comes_to_the_end(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "_LEAST", 2)
    monkeypatch.setattr(app_module, "_PAGES", 2)
    asked: list[int] = []

    async def story(pilot: Pilot[bool]) -> None:
        session = browser(pilot)._session
        ask = session.ask

        async def counting(question: Question, count: int) -> Reply | None:
            asked.append(count)
            return await ask(question, count)

        monkeypatch.setattr(session, "ask", counting)
        async with among_pictures(pilot):
            await until(pilot, lambda: "of 4 " in text(pilot, "#status"))
            await pilot.press("end")
            assert text(pilot, "#status").startswith("4–4 of 4 ")

    play(story, (14, 8))
    assert asked[-2:] == [2, 8]
