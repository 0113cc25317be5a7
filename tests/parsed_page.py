"""A page that vsearch has written, parsed; and what holds for each of them."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

VOID = ("meta", "img", "input")


class Page(HTMLParser):
    """All elements of a page, and the text of each by its tag; each that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), attrs
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def whole(self, tag: str) -> str:
        return "".join(self.texts.get(tag, []))


def assert_self_contained(page: Page) -> None:
    """A browser may run the page's own script and style, which it is to find unchanged; no more.

    Nothing is loaded from elsewhere, and each name within the page is there once.
    """
    policy = next(one for one in page.all("meta") if "http-equiv" in one)["content"] or ""
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    script = page.texts["script"][-1]  # data comes before it, and is not run
    assert [one.get("type") for one in page.all("script")][:-1] in ([], ["application/json"])
    assert page.all("script")[-1] == {}
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{_digest(page.whole('style'))}'",
        "script-src": f"'sha256-{_digest(script)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert len(page.all("style")) == 1
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert not (attributes.get("src") or "data:").partition("data:")[0]
        link = attributes.get("href") or ""
        assert re.match(r"#|\./|file://", link) or tag not in ("a", "use", "link")
    assert not re.search(r"https?:|@import|url\(", page.whole("style") + script)
    names = [one["id"] for _, one in page.elements if "id" in one]
    assert len(names) == len(set(names))
    for _, attributes in page.elements:
        for key, value in attributes.items():
            within = re.findall(r"url\(#([^)]*)\)", value or "")
            if key in ("href", "xlink:href") and (value or "").startswith("#"):
                within.append((value or "")[1:])
            if key in ("aria-labelledby", "aria-describedby"):
                within += (value or "").split()
            assert set(within) <= set(names)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
