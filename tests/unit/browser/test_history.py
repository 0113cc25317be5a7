"""Views to go back to, and marks."""

from vsearch.browser.history import History, Marks, Question, View
from vsearch.records import ImageFacts, Match


def match(path: str) -> Match:
    return Match(1, path, 0.5, None, ImageFacts(4, 4, "PNG"))


def view(text: str, *, visited: bool = True) -> View:
    return View(Question("line", text), [match("/a")], visited=visited)


def test_back_is_the_last_view_that_someone_moved_about_in() -> None:
    history = History()
    history.leave(view("a"))
    history.leave(view("ab", visited=False))  # passed by while typing "abc"
    history.leave(view("abc"))
    history.leave(View(Question("line", "nothing"), [], visited=True))
    assert [back.question.text for back in iter(history.back, None)] == ["abc", "a"]
    assert history.back() is None


def test_only_so_many_views_are_kept() -> None:
    history = History()
    for number in range(1000):
        history.leave(view(str(number)))
    texts = [back.question.text for back in iter(history.back, None)]
    assert texts == [str(number) for number in range(999, 799, -1)]


def test_marks_keep_their_order_and_what_was_marked() -> None:
    marks = Marks()
    for path in ("/c", "/a", "/b", "/a"):
        marks.toggle(match(path))
    assert [one.path for one in marks.all()] == ["/c", "/b"]
    assert ("/c" in marks, "/a" in marks, len(marks)) == (True, False, 2)


def test_all_are_marked_unless_all_are() -> None:
    marks = Marks()
    page = [match(path) for path in ("/a", "/b", "/c")]
    marks.toggle(page[1])
    marks.toggle_all(page)
    assert [one.path for one in marks.all()] == ["/b", "/a", "/c"]
    marks.toggle_all(page[:2])
    assert [one.path for one in marks.all()] == ["/c"]
