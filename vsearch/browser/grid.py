"""The pictures of a page, side by side, and the one that is chosen."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult

    from vsearch.browser.thumbnails import Thumbnail
    from vsearch.records import Match

NARROWEST = 12
"""How many characters a tile has at least."""
_TALL = 0.42  # of a tile's width are the lines of its picture: 4:3 in characters twice as tall


@dataclass(frozen=True, slots=True)
class Layout:
    """How many tiles lie in a row and how many rows on a page; `box` is what a picture has.

    All in characters.
    """

    columns: int
    rows: int
    box: tuple[int, int]

    @classmethod
    def of(cls, width: int, height: int, factor: float = 1.0) -> Layout:
        """Return what fits in a window, with a line below each picture for its name.

        `factor` times as many columns as suit the window, fewer where tiles would be too narrow.
        """
        columns = max(1, min(round(factor * suited(width)), width // NARROWEST))
        wide = max(1, width // columns)
        lines = max(1, round(_TALL * wide))
        rows = max(1, min(round(height / (lines + 1)), height // 2))
        return cls(columns, rows, (max(1, wide - 2), max(1, height // rows - 1)))

    @property
    def page(self) -> int:
        """How many tiles are on a page."""
        return self.columns * self.rows


def suited(width: int) -> int:
    """Return how many columns suit a window of so many characters."""
    return max(1, round(width / max(20, width / 6)))


def fitted(size: tuple[int, int], box: tuple[int, int], cell: tuple[int, int]) -> tuple[int, int]:
    """Return how many characters a picture of `size` pixels takes in a box of characters.

    As large as fits, its sides in proportion; `cell` is what a character measures in pixels.
    """
    scale = min(box[0] * cell[0] / size[0], box[1] * cell[1] / size[1])
    wide, high = (round(side * scale / unit) for side, unit in zip(size, cell, strict=True))
    return min(max(1, wide), box[0]), min(max(1, high), box[1])


def shortened(text: str, width: int) -> str:
    """Return `text` in at most `width` columns, "…" where its middle was left out."""
    if cell_len(text) <= width:
        return text
    if width < 4:
        return set_cell_size(text, max(0, width)).rstrip()
    tail = text
    while cell_len(tail) > width // 2:
        tail = tail[1:]
    head = set_cell_size(text, width - 1 - cell_len(tail)).rstrip()
    return f"{head}…{tail}"


class Picture(Container):
    """A thumbnail above its name; a word where there is none to be had."""

    DEFAULT_CSS = """
    Picture { align: center bottom; height: 1fr; padding: 0 1; }
    Picture > .fault { width: auto; height: auto; max-width: 100%; text-style: dim; }
    """

    def __init__(self, drawn: Callable[[], Widget], cell: tuple[int, int]) -> None:
        """`drawn` makes the widget that draws an `image`; `cell` is a character in pixels."""
        super().__init__()
        self._drawn = drawn()
        self._cell = cell
        self._fault = Static("", classes="fault")
        self.shown: Thumbnail | None = None

    def compose(self) -> ComposeResult:
        """Make the parts, hidden until there is something to show."""
        self._drawn.display = self._fault.display = False
        yield self._drawn
        yield self._fault

    def show(self, thumbnail: Thumbnail | None, box: tuple[int, int]) -> None:
        """Show it in a box of characters; None: nothing yet."""
        self.shown = thumbnail
        image = thumbnail.image if thumbnail else None
        self._drawn.display = image is not None
        self._fault.display = thumbnail is not None and image is None
        if image:
            self._drawn.image = None  # type: ignore[attr-defined]  # as textual-image's widgets have
            wide, high = fitted(image.size, box, self._cell)
            self._drawn.styles.width, self._drawn.styles.height = wide, high
            # Drawn as soon as it has its place: drawn at once, it would be sent twice.
            self.call_after_refresh(self._draw, thumbnail)
        elif thumbnail:
            self._fault.update(Text(f"({thumbnail.fault})"))

    def _draw(self, thumbnail: Thumbnail) -> None:
        if thumbnail is self.shown:
            self._drawn.image = thumbnail.image  # type: ignore[attr-defined]  # as above


class Tile(Vertical):
    """A picture and its name below it."""

    DEFAULT_CSS = """
    Tile > Static { height: 1; width: 100%; padding: 0 1; }
    Tile.chosen > Static { text-style: reverse; }
    """

    def __init__(self, drawn: Callable[[], Widget], cell: tuple[int, int]) -> None:
        super().__init__()
        self.picture = Picture(drawn, cell)
        self._caption = Static("")
        self._shown = Text()
        self.match: Match | None = None
        self.place = 0

    def compose(self) -> ComposeResult:
        """Make the parts."""
        yield self.picture
        yield self._caption

    def show(self, match: Match | None, place: int, width: int, *, marked: bool) -> None:
        """Show the name of a match, the one at `place` of the answer; None: nothing."""
        self.match, self.place = match, place
        text = caption(match, width - 2, marked=marked) if match else Text()
        if (text, text.style) != (self._shown, self._shown.style):
            self._shown = text
            self._caption.update(text)


def caption(match: Match, width: int, *, marked: bool) -> Text:
    """Return what stands below a picture: a mark, how relevant it is, its name.

    Of a weak match it is dim.
    """
    mark = "✓ " if marked else ""
    percent = f"{match.relevance:.0%} " if match.relevance is not None and width >= 14 else ""
    name = shortened(printable(os.path.basename(match.path)), width - len(mark) - len(percent))
    style = " ".join(["bold"] * marked + ["dim"] * match.weak)
    return Text(f"{mark}{percent}{name}", style, no_wrap=True)


class Grid(Widget):
    """A page of tiles. It knows where the cursor is; what is asked of it goes out as messages."""

    DEFAULT_CSS = """
    Grid { layout: grid; grid-rows: 1fr; grid-columns: 1fr; height: 1fr; width: 1fr; }
    """

    class Clicked(Message):
        """A picture was clicked."""

    class Opened(Message):
        """A picture was clicked twice."""

    class Marked(Message):
        """A picture was clicked to be marked."""

    _STEPS: ClassVar[dict[str, tuple[int, int, int]]] = {  # tiles, rows, pages
        "left": (-1, 0, 0),
        "right": (1, 0, 0),
        "up": (0, -1, 0),
        "down": (0, 1, 0),
        "pageup": (0, 0, -1),
        "pagedown": (0, 0, 1),
    }

    def __init__(
        self, drawn: Callable[[], Widget], cell: tuple[int, int], changed: Callable[[], None]
    ) -> None:
        """Call `changed` whenever another picture is chosen or another page shown."""
        super().__init__()
        self._changed = changed
        self._drawn = drawn
        self._cell = cell
        self._matches: Sequence[Match] = ()
        self._is_marked: Callable[[str], bool] = lambda _: False
        self.cursor = 0
        self._factor = 1.0  # so many times the columns that suit the window, whatever its size
        self.plan = Layout(1, 1, (1, 1))
        self._tiles: list[Tile] = []

    @property
    def first(self) -> int:
        """The place in the answer of the first picture on this page."""
        return self.cursor - self.cursor % self.plan.page

    @property
    def match(self) -> Match | None:
        """The chosen match; None where there is nothing."""
        return self._matches[self.cursor] if self.cursor < len(self._matches) else None

    @property
    def on_page(self) -> Sequence[Match]:
        """The matches on this page."""
        return self._matches[self.first : self.first + self.plan.page]

    @property
    def longest(self) -> int:
        """How many pixels the longer side of a picture should have to fill its box."""
        return max(side * unit for side, unit in zip(self.plan.box, self._cell, strict=True))

    def show(self, matches: Sequence[Match], cursor: int, is_marked: Callable[[str], bool]) -> None:
        """Show the page of an answer that `cursor` is on."""
        self._matches = matches
        self._is_marked = is_marked
        self.cursor = min(cursor, max(0, len(matches) - 1))
        self.update()

    def update(self) -> None:
        """Show names and marks as they are now, and pictures that are there for other files not."""
        for number, tile in enumerate(self._tiles):
            place = self.first + number
            match = self._matches[place] if place < len(self._matches) else None
            if match is None or tile.match is None or match.path != tile.match.path:
                tile.picture.show(None, self.plan.box)
            marked = match is not None and self._is_marked(match.path)
            tile.show(match, place, self.plan.box[0] + 2, marked=marked)
            tile.set_class(match is not None and place == self.cursor, "chosen")
        self._changed()

    def picture(self, path: str, thumbnail: Thumbnail) -> None:
        """Show the thumbnail of a file wherever it is on this page."""
        for tile in self._tiles:
            if tile.match and tile.match.path == path and tile.picture.shown is not thumbnail:
                tile.picture.show(thumbnail, self.plan.box)

    def lay_out(self) -> None:
        """Make as many tiles as fit."""
        width, height = self.size
        if not width or not height:
            return
        self.plan = Layout.of(width, height, self._factor)
        self.styles.grid_size_columns = self.plan.columns
        self.styles.grid_size_rows = self.plan.rows
        while len(self._tiles) > self.plan.page:
            self._tiles.pop().remove()
        new = [Tile(self._drawn, self._cell) for _ in range(self.plan.page - len(self._tiles))]
        self._tiles += new
        for tile in self._tiles:
            tile.picture.show(None, self.plan.box)
        if new:
            self.mount(*new)
        self.update()

    def zoom(self, step: int) -> None:
        """Make the tiles larger or smaller, by as many columns as it takes to see a difference."""
        width = self.size.width
        columns = self.plan.columns - step
        if columns >= 1 and width // columns >= NARROWEST:
            self._factor = columns / suited(width)
            self.lay_out()

    def move(self, key: str) -> bool:
        """Move the cursor as an arrow key says; return whether there was anywhere to go."""
        last = len(self._matches) - 1
        tiles, rows, pages = self._STEPS[key]
        to = self.cursor + tiles + rows * self.plan.columns + pages * self.plan.page
        if pages or rows > 0:
            to = max(0, min(to, last))
        return self.go(to)

    def end(self, *, last: bool) -> None:
        """Go to the first picture or the last."""
        self.go(len(self._matches) - 1 if last else 0)

    def go(self, to: int) -> bool:
        """Choose the picture at a place of the answer; return whether that is another one."""
        if not 0 <= to < len(self._matches) or to == self.cursor:
            return False
        self.cursor = to
        self.update()
        return True

    def on_resize(self) -> None:
        """Fit the window."""
        self.lay_out()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Show the next page."""
        event.stop()
        self.move("pagedown")

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Show the page before."""
        event.stop()
        self.move("pageup")

    def on_click(self, event: events.Click) -> None:
        """Choose a picture; mark it with another button than the left, open it with two clicks."""
        clicked = event.widget.ancestors_with_self if event.widget else []
        tile = next((one for one in clicked if isinstance(one, Tile)), None)
        if tile is None or tile.match is None:
            return
        self.go(tile.place)
        self.post_message(self.Clicked())
        if event.button != 1 or event.ctrl:
            self.post_message(self.Marked())
        elif event.chain == 2:
            self.post_message(self.Opened())
