"""What the keys do; the screens, and what is said on them."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.cells import cell_len
from rich.text import Text
from textual import work
from textual.app import App
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.reactive import Reactive
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from vsearch.browser.details import as_lines, in_brief
from vsearch.browser.drawing import pixels_of_cell, widget_for
from vsearch.browser.grid import Grid, Picture, shortened
from vsearch.browser.history import History, Marks, Question, View
from vsearch.browser.thumbnails import Thumbnail, Thumbnails, Wanted
from vsearch.errors import VsearchError
from vsearch.files.programs import show_file
from vsearch.output.matches import ALL_WEAK, why_nothing
from vsearch.output.terminal import count_of, printable, shown_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.events import Resize
    from textual.timer import Timer
    from textual.widget import Widget

    from vsearch.browser.session import Reply, Session
    from vsearch.output.graphics import Graphics
    from vsearch.records import Match

_Result = TypeVar("_Result")

PAUSE = 0.06
"""Seconds after a key in which another one is waited for before the line is searched for."""

_PAGES = 3  # that are asked for at a time
_LEAST = 60  # matches that are asked for at a time
_WIDE = 100  # characters of a window from which on the details stand beside the pictures
_TALL = 20  # lines from which on they stand below them
_LARGE = (32, 14)  # characters of the picture among them

_KEYS = ("↑↓←→ move", "space mark", "l like this", "enter open", "/ search", "? help", "q quit")
_KEYS_TYPING = (
    "type what you look for", "enter or ↓ to the pictures", "F1 help", "ctrl+c quit",
)  # fmt: skip
_TYPE = "Type what you look for; the pictures come as you type."

HELP = """\
In the line
  type          search; " + " joins terms, and after " - " comes what the
                pictures should be unlike: castle - snow
                A term in double quotes is taken as it stands:
                "2023 - Holiday.png"; in it, \\" is a quote and \\\\ a backslash.
  enter ↓ tab   to the pictures
  esc           the same; where there are none, clear the line

Among the pictures
  ↑ ↓ ← →       move; also h j k, PgUp and PgDn, Home and End
  space         mark, unmark
  a             mark all on this page; again: unmark them
  A             mark all that were found
  v             show the marked ones
  l             more like this
  b  backspace  back to what was shown before
  enter  o      open with the system's viewer
  c             copy the path to the clipboard (OSC 52)
  w             write the paths of the marked ones to a file
  d             show the details, or do not
  + -           larger, smaller pictures
  /  i  tab     to the line
  r             read the index anew; until then it is as at the start
  q  ctrl+q     quit, and print the paths of the marked ones

Mouse: click to choose, twice to open, right to mark; wheel to turn pages.
Ctrl+C quits and prints nothing.
"""


def keys_within(keys: Sequence[str], width: int) -> str:
    """Return what is said of the keys in so many columns: the last two, help and quit, always."""
    *others, help_key, quit_key = keys
    while True:
        line = "  ".join([*others, help_key, quit_key])
        if not others or cell_len(line) <= width:
            return line
        others.pop()


class HelpScreen(ModalScreen[None]):
    """What the keys do."""

    CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        border: round $primary; width: 84; max-width: 100%; height: auto; max-height: 100%;
        padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "dismiss", "Close"),
    ]

    def compose(self) -> ComposeResult:
        """Make the parts."""
        with VerticalScroll():
            yield Static(Text(HELP), markup=False)


class FileScreen(ModalScreen[str | None]):
    """Asks for the name of a file."""

    CSS = """
    FileScreen { align: center middle; }
    FileScreen > Input { border: round $primary; width: 60; max-width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def compose(self) -> ComposeResult:
        """Make the parts."""
        line = Input(placeholder="a new file for the paths of the marked ones")
        line.border_title = "write to"
        yield line

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the name."""
        event.stop()
        self.dismiss(event.value.strip() or None)

    def action_cancel(self) -> None:
        """Write nothing."""
        self.dismiss(None)


class Browsing(Screen[None]):
    """The screen with the line, the pictures and what is known of one."""

    AUTO_FOCUS = ""
    # A page of pictures is a lot to send over a slow line. What gets the focus or loses it draws
    # itself anew; all the rest, which Textual would draw too, looks as before.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    DEFAULT_CSS = """
    #line { height: 1; }
    #prompt { width: auto; color: ansi_blue; text-style: bold; }
    #query, #query:focus {
        border: none; height: 1; padding: 0; background: ansi_default; width: 1fr;
    }
    #status, #keys { height: 1; }
    #keys { text-style: dim; }
    #status.fault { color: ansi_red; }
    #details { display: none; }
    #details.beside {
        display: block; width: 36; padding: 0 1; border-left: solid ansi_bright_black;
    }
    #details.below { display: block; dock: bottom; height: 2; padding: 0 1; overflow: hidden; }
    #details.below Picture { display: none; }
    #details Picture { height: 14; padding: 0; margin-bottom: 1; }
    #body { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys, action, priority=True)
        for keys, action in (
            ("f1", "help"),
            # In the line
            ("enter,down,tab", "pictures"),
            ("escape", "leave_line"),
            # Among the pictures
            ("left,h", "move('left')"),
            ("right", "move('right')"),
            ("up,k", "move('up')"),
            ("down,j", "move('down')"),
            ("pageup", "move('pageup')"),
            ("pagedown", "move('pagedown')"),
            ("home", "end(False)"),
            ("end", "end(True)"),
            ("space", "mark"),
            ("a", "mark_page"),
            ("A", "mark_all"),
            ("v", "marked"),
            ("l", "like"),
            ("b,backspace", "earlier"),
            ("enter,o", "open"),
            ("c", "copy"),
            ("w", "write"),
            ("d", "details"),
            ("plus,equals_sign", "zoom(1)"),
            ("minus", "zoom(-1)"),
            ("slash,i,escape,tab,shift+tab", "line"),
            ("r", "reload"),
            ("question_mark", "ask_help"),
            ("q", "leave"),
        )
    ]
    # Keys that come in one burst (a slow line) must each mean what they do where the one before has
    # led. So all that are no text have priority: those go to whoever has the focus later.
    _IN_LINE: ClassVar = {"pictures", "leave_line"}
    _AMONG_PICTURES: ClassVar = {
        "move", "end", "mark", "mark_page", "mark_all", "marked", "like", "earlier", "open", "copy",
        "write", "details", "zoom", "line", "reload", "ask_help", "leave",
    }  # fmt: skip

    def __init__(
        self,
        session: Session,
        graphics: Graphics,
        *,
        line: str,
        write: Callable[[Sequence[Match], Path], None],
        pixel_limit: int,
        workers: int,
    ) -> None:
        super().__init__()
        self.marks = Marks()
        self._session = session
        self._graphics = graphics
        self._line = line
        self._write = write
        self._thumbnails = partial(Thumbnails, workers=workers, pixel_limit=pixel_limit)
        self._made: Thumbnails | None = None
        self._history = History()
        self._view = View(Question("line"))
        self._asked = self._view.question  # what is shown, or will be
        self._details: bool | None = None
        self._pause: Timer | None = None
        # What may take long, as for a share that does not answer: nobody waits for its threads.
        self._patient = ThreadPoolExecutor(2, thread_name_prefix="vsearch-aside")
        self._typing = True  # else the keys are for the pictures
        self._warned = False
        self._here = os.getcwd()
        # Kept and not looked up: what comes late, while the screen is taken down, does no harm.
        cell = pixels_of_cell(graphics)
        drawn = widget_for(graphics)
        self._prompt = Static("› ", id="prompt", markup=False)
        self.query_line = Input(id="query", select_on_focus=False, placeholder="search")
        self._status = Static("", id="status", markup=False)
        self.grid = Grid(drawn, cell, self._chosen)
        self._panel = VerticalScroll(id="details", can_focus=False)
        self._picture = Picture(drawn, cell)
        self._facts = Static("", id="facts", markup=False)
        self._keys = Static("", id="keys", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the parts."""
        with Horizontal(id="line"):
            yield self._prompt
            yield self.query_line
        yield self._status
        with Horizontal(id="body"):
            yield self.grid
            with self._panel:
                yield self._picture
                yield self._facts
        yield self._keys

    def on_mount(self) -> None:
        """Start what goes on in the background."""
        with self.prevent(Input.Changed):
            self.query_line.value = self._line
        self.query_line.cursor_blink = False  # nothing is sent while nothing is done
        self._go(typing=True)
        self._lay_out()
        self._say(_TYPE)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Do what the first screen need not wait for."""
        self._session.prepare()
        self._made = self._thumbnails(self._decoded)
        self._typed()

    def on_unmount(self) -> None:
        """End what was started."""
        self._patient.shutdown(wait=False, cancel_futures=True)
        if self._made:
            self._made.close()

    async def _aside(self, work: Callable[[str], _Result], path: str) -> _Result:
        """Do something with a file in another thread."""
        return await asyncio.get_running_loop().run_in_executor(self._patient, work, path)

    # Asking

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search for the line, once no key follows for a moment."""
        if event.input is self.query_line:
            if self._pause:
                self._pause.stop()
            self._pause = self.set_timer(PAUSE, self._typed)

    def _typed(self) -> None:
        line = self.query_line.value.strip()
        question = Question("line", line)
        if question == self._asked or (not line and self._asked.kind != "line"):
            return
        if line:
            self._ask(question)
        else:
            self._asked = question
            self.workers.cancel_group(self, "ask")
            self._leave_for(View(question))
            self._say(_TYPE)

    def _ask(self, question: Question, count: int = 0) -> None:
        self._asked = question
        count = count or max(_LEAST, _PAGES * self.grid.plan.page)
        self._answer(question, count)

    @work(group="ask", exclusive=True)
    async def _answer(self, question: Question, count: int) -> None:
        reply = await self._session.ask(question, count)
        if reply is None:
            return
        if reply.answer is None:
            self._say(reply.fault, fault=True)
        else:
            self._take(reply)

    def _take(self, reply: Reply) -> None:
        assert reply.answer  # noqa: S101  # looked at by who calls this
        matches = reply.answer.matches
        whole = len(matches) < reply.count
        took = f"{1000 * sum(reply.answer.seconds.values()):.0f} ms"
        notes = [took, *reply.answer.notes, *filter(None, [reply.answer.warning])]
        if matches and all(match.weak for match in matches):
            notes.append(ALL_WEAK)
        note = "  ".join(notes)
        if reply.question == self._view.question:  # more of it, or read anew
            self._view.matches, self._view.whole, self._view.note = matches, whole, note
            self._show()
        else:
            self._leave_for(View(reply.question, matches, whole=whole, note=note))
        if not matches:
            self._say(why_nothing(reply.answer))

    def _leave_for(self, view: View) -> None:
        if view.question != self._view.question:
            self._history.leave(self._view)
        self._view = view
        self._show()

    def _show(self) -> None:
        question = self._view.question
        self._asked = question
        name = shortened(printable(os.path.basename(question.text)), max(8, self.size.width // 3))
        prompt = {"line": "› ", "like": f"like {name} › ", "marked": "marked › "}[question.kind]
        self._prompt.update(Text(prompt))
        line = question.text if question.kind == "line" else ""
        typed = self.query_line.value
        # What is being typed there stays, whatever comes of an earlier question.
        if typed.strip() != line and not self._typing:
            with self.prevent(Input.Changed):
                self.query_line.value = line
        self.grid.show(self._view.matches, self._view.cursor, self.marks.__contains__)

    # What the grid shows

    def _chosen(self) -> None:
        """Show what is known of the chosen picture, and fetch the thumbnails of the page."""
        grid = self.grid
        self._view.cursor = grid.cursor
        self._say_where()
        self._want()
        self._describe(grid.match)
        close = grid.first + 2 * grid.plan.page >= len(self._view.matches)
        if close and not self._view.whole and self._view.question.kind != "marked":
            self._view.whole = True  # until the answer says otherwise: it is asked for once
            self._ask(self._view.question, 4 * len(self._view.matches))

    def _want(self) -> None:
        grid = self.grid
        wanted: list[Wanted] = []
        if grid.match and self._panel.has_class("beside"):
            wanted.append((grid.match.path, self._large))
        wanted += [(match.path, grid.longest) for match in grid.on_page]
        if self._made:
            for one, thumbnail in self._made.want(wanted).items():
                self._arrived(one, thumbnail)

    def _decoded(self, one: Wanted, thumbnail: Thumbnail) -> None:
        """Hand a thumbnail over to the thread of the screen."""
        self.call_later(self._arrived, one, thumbnail)

    def _arrived(self, one: Wanted, thumbnail: Thumbnail) -> None:
        path, longest = one
        if longest == self.grid.longest:
            self.grid.picture(path, thumbnail)
        chosen = self.grid.match
        known = self._picture.shown is thumbnail
        if longest == self._large and chosen and chosen.path == path and not known:
            self._picture.show(thumbnail, _LARGE)

    @work(group="details", exclusive=True)
    async def _describe(self, match: Match | None) -> None:
        if match is None:
            self._facts.update("")
            self._picture.show(None, _LARGE)
            return
        try:
            file = await self._aside(os.stat, match.path)
        except (OSError, ValueError):
            file = None
        form = as_lines if self._panel.has_class("beside") else in_brief
        self._facts.update(form(match, file, self._here))

    @property
    def _large(self) -> int:
        """How many pixels the longer side of the picture among the details has."""
        cell = pixels_of_cell(self._graphics)
        # Never that of the grid, so that each is known by its size.
        longest = max(side * unit for side, unit in zip(_LARGE, cell, strict=True))
        return longest + (longest == self.grid.longest)

    def on_resize(self, _event: Resize) -> None:
        """Fit the window."""
        self._lay_out()

    def _lay_out(self) -> None:
        beside = self.size.width >= _WIDE
        wanted = self._details
        if wanted is None:  # not asked for: where there is room
            wanted = beside or self.size.height >= _TALL
        self._panel.set_class(wanted and beside, "beside")
        self._panel.set_class(wanted and not beside, "below")
        self._say_keys()
        self.call_after_refresh(self._chosen)

    def _say(self, message: str, *, fault: bool = False) -> None:
        self._status.set_class(fault, "fault")
        self._status.update(Text(printable(message), no_wrap=True, overflow="ellipsis"))

    def _say_where(self) -> None:
        view, grid = self._view, self.grid
        marked = f"{len(self.marks):,} marked" if self.marks else ""
        if not view.matches:
            if marked:
                self._say(marked)
            return
        last = min(grid.first + grid.plan.page, len(view.matches))
        of = f"{len(view.matches):,}{'' if view.whole else '+'}"
        where = f"{grid.first + 1:,}–{last:,} of {of}"
        self._say("  ".join(part for part in (where, marked, view.note) if part))

    def on_descendant_focus(self) -> None:
        """Notice that the line was clicked."""
        if self.focused is self.query_line:  # and has not lost it again meanwhile
            self._go(typing=True)

    def _go(self, *, typing: bool) -> None:
        """Let keys be typed into the line, or move about among the pictures.

        For these nothing has the focus: a grid that gets it would draw all its pictures anew.
        """
        if not self._typing:
            self._view.visited = True
        self._typing = typing
        self.set_focus(self.query_line if typing else None)
        self._say_keys()

    def _say_keys(self) -> None:
        keys = _KEYS_TYPING if self._typing else _KEYS
        self._keys.update(Text(keys_within(keys, self.size.width), no_wrap=True))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002  # Textual's
        """Whether a key means this where the focus is."""
        if action in self._IN_LINE:
            return self._typing
        return action not in self._AMONG_PICTURES or not self._typing

    def action_move(self, key: str) -> None:
        """Move the cursor as an arrow key says; up from the first row is the line."""
        if not self.grid.move(key) and key == "up":
            self.action_line()

    def action_end(self, last: bool) -> None:
        """Go to the first picture or the last."""
        self.grid.end(last=last)

    def action_line(self) -> None:
        """Go to the line."""
        self._go(typing=True)

    def action_pictures(self) -> None:
        """Go to the pictures."""
        self._go(typing=False)

    def action_leave_line(self) -> None:
        """Go to the pictures; where there are none, clear the line."""
        if self._view.matches:
            self._go(typing=False)
        else:
            self.query_line.value = ""

    def action_mark(self) -> None:
        """Mark the chosen picture or unmark it, and go on to the next."""
        if match := self.grid.match:
            self.marks.toggle(match)
            if not self.grid.go(self.grid.cursor + 1):
                self.grid.update()

    def on_grid_clicked(self) -> None:
        """Go to the pictures."""
        self._go(typing=False)

    def on_grid_marked(self) -> None:
        """Mark what was clicked."""
        if match := self.grid.match:
            self.marks.toggle(match)
            self.grid.update()

    def action_mark_page(self) -> None:
        """Mark all on this page, or unmark them."""
        self.marks.toggle_all(self.grid.on_page)
        self.grid.update()

    def action_mark_all(self) -> None:
        """Mark all that were found so far, or unmark them."""
        self.marks.toggle_all(self._view.matches)
        self.grid.update()

    def action_marked(self) -> None:
        """Show the marked ones."""
        if not self.marks:
            self._say("nothing is marked; the space bar marks a picture")
            return
        self._view.visited = True
        self._leave_for(View(Question("marked"), self.marks.all()))

    def action_like(self) -> None:
        """Show what looks like the chosen picture."""
        if match := self.grid.match:
            self._view.visited = True
            self._ask(Question("like", match.path))

    def action_earlier(self) -> None:
        """Show what was left last; or stay, where what was asked for last has not come yet."""
        if self._asked != self._view.question:
            self.workers.cancel_group(self, "ask")
            self._show()
            return
        view = self._history.back()
        if view is None:
            self._say("nothing was shown before this")
            return
        self.workers.cancel_group(self, "ask")
        self._view = view
        self._show()

    def action_open(self) -> None:
        """Open the chosen picture with the system's viewer."""
        if match := self.grid.match:
            self._open(match.path)

    def on_grid_opened(self) -> None:
        """Open what was clicked twice."""
        self.action_open()

    @work(group="open")
    async def _open(self, path: str) -> None:
        fault = await self._aside(show_file, path)
        name = shown_path(path, self._here)
        self._say(f"{fault}, for {name}" if fault else f"opened {name}", fault=bool(fault))

    def action_copy(self) -> None:
        """Copy the path of the chosen picture to the clipboard of the terminal."""
        if match := self.grid.match:
            try:
                self.app.copy_to_clipboard(match.path)
            except UnicodeEncodeError:
                self._say("a clipboard takes no name that is no valid UTF-8", fault=True)
            else:
                self._say(f"copied {match.path}")

    def action_write(self) -> None:
        """Ask for a file and write the paths of the marked ones to it."""
        if self.marks:
            self.app.push_screen(FileScreen(), self._write_to)
        else:
            self._say("nothing is marked; the space bar marks a picture")

    def _write_to(self, name: str | None) -> None:
        if name is None:
            return
        path = Path(os.path.expanduser(name))
        try:
            self._write(self.marks.all(), path)
        except (OSError, ValueError, VsearchError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._say(f"not written: {reason}, {path}; name another file", fault=True)
        else:
            self._say(f"{count_of(len(self.marks), 'path')} written to {path}")

    def action_details(self) -> None:
        """Show the details, or do not."""
        shown = self._panel.has_class("beside") or self._panel.has_class("below")
        self._details = not shown
        self._lay_out()

    def action_zoom(self, step: int) -> None:
        """Make the pictures larger or smaller."""
        self.grid.zoom(step)

    async def action_reload(self) -> None:
        """Answer from the index as it is now."""
        await self._session.reload()
        if self._made:
            self._made.forget()
        if self._view.question.kind == "marked" or not self._view.matches:
            self.grid.update()
        else:
            self._ask(self._view.question, len(self._view.matches))

    def action_help(self) -> None:
        """Show what the keys do."""
        self.app.push_screen(HelpScreen())

    def action_ask_help(self) -> None:
        """Show what the keys do, by a key that is a character elsewhere."""
        self.action_help()

    async def action_leave(self) -> None:
        """Quit, by a key that is a letter elsewhere."""
        await self.run_action("app.finish")

    def warn(self) -> bool:
        """Say that marks would be lost; return whether that was not said before."""
        if not self.marks or self._warned:
            return False
        self._warned = True
        self._say(
            f"{len(self.marks):,} marked: ctrl+q quits and prints them, ctrl+c drops them",
            fault=True,
        )
        return True


class Browser(App[bool]):
    """The browser. It returns whether the marked pictures are to be printed; None: an error."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "abort", priority=True),
        Binding("ctrl+q", "finish", priority=True),
    ]

    def __init__(
        self,
        session: Session,
        graphics: Graphics,
        *,
        line: str,
        write: Callable[[Sequence[Match], Path], None],
        pixel_limit: int,
        workers: int,
    ) -> None:
        """Begin with the answer to `line`.

        `write` makes a new file of matches; it raises OSError. At most `pixel_limit` pixels are
        decoded at a time, `workers` pictures at once.
        """
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.browsing = Browsing(
            session, graphics, line=line, write=write, pixel_limit=pixel_limit, workers=workers
        )

    def get_default_screen(self) -> Screen[None]:
        """Return the one screen that stays."""
        return self.browsing

    def on_mount(self) -> None:
        """Quit as well, the terminal as it was before, when the system wants to."""
        for number in {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
            with suppress(NotImplementedError):  # on Windows
                asyncio.get_running_loop().add_signal_handler(number, self._end, 128 + number)

    def _end(self, code: int) -> None:
        self.exit(None, return_code=code)

    def action_finish(self) -> None:
        """Quit; the marked ones are printed."""
        self.exit(True)

    def action_abort(self) -> None:
        """Quit and print nothing; where something is marked, only when asked twice."""
        if not self.browsing.warn():
            self.exit(False)
