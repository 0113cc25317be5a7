"""An entry as named values, as they stand in each format, and back.

What comes back is believed in nothing: every value is of its kind and within bounds, a path stays
below its root, and no text holds what a terminal would obey. The embedding is looked at elsewhere.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from vsearch.images.labels import LONGEST, MOST, tidy
from vsearch.interchange.source import Unsound
from vsearch.records import Entry, ImageFacts, ModelIdentity

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

FORMAT = 1
REQUIRED = ("root", "path", "hash", "size", "mtime_ns", "width", "height", "format")
OPTIONAL = ("taken_at", "camera")
LATER = ("labels", "perceptual")  # which an export by an older vsearch lacks

_HASH = re.compile(r"[0-9a-f]*", re.ASCII)
_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d)?", re.ASCII)
_LONGEST = 200  # characters of a name that is shown
_LARGEST_DIM = 1 << 16
_LARGEST = (1 << 63) - 1  # what the catalog holds
_MOST_PIXELS = (1 << 31) - 1  # on one side


def header_of(model: ModelIdentity, single: Iterable[str] = ()) -> str:
    """Return what stands beside the rows, as JSON: the format's version, the model, and `single`.

    Those are the roots of which only single files were asked for, not all that is below.
    """
    return json.dumps({"format": FORMAT, "model": asdict(model), "single": sorted(single)})


def model_of(header: str | bytes) -> ModelIdentity:
    """Return the model that `header_of` wrote. Raises Unsound."""
    try:
        read = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise Unsound("it names no model: the description is no JSON") from error
    if not isinstance(read, dict) or not isinstance(read.get("model"), dict):
        raise Unsound("it names no model")
    version = read.get("format")
    if version != FORMAT:
        raise Unsound(f"its format is {ascii(version)[:20]}, this vsearch reads {FORMAT}")
    named = read["model"]
    return ModelIdentity(
        _name(named, "name"),
        _name(named, "weights"),
        _name(named, "preprocessing"),
        _number(named, "dim", 1, _LARGEST_DIM),
    )


def single_of(header: str | bytes) -> frozenset[str]:
    """Return the roots of single files that `header_of` wrote. Raises Unsound."""
    roots = json.loads(header).get("single", [])
    if not isinstance(roots, list) or not all(isinstance(root, str) for root in roots):
        raise Unsound("its single roots are no list of names")
    return frozenset(roots)


def fields_of(entry: Entry) -> dict[str, str | int | list[str] | None]:
    """Return an entry as named values; names that are no UTF-8 have lone surrogates."""
    facts = entry.facts
    return {
        "root": entry.root,
        "path": entry.path,
        "hash": entry.digest.hex(),
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        "width": facts.width,
        "height": facts.height,
        "format": facts.format,
        "taken_at": facts.taken_at,
        "camera": facts.camera,
        "labels": list(facts.labels),
        "perceptual": None if entry.perceptual is None else entry.perceptual.hex(),
    }


def entry_of(fields: Mapping[str, object], row: int, single: Container[str] = frozenset()) -> Entry:
    """Return what `fields_of` made values of; `row` is its number. Raises Unsound for any other.

    `single` are the roots of which only single files are meant.
    """
    try:
        entry = Entry(
            _root(fields),
            _path(fields),
            _number(fields, "size", 0, _LARGEST),
            _number(fields, "mtime_ns", -_LARGEST, _LARGEST),
            _hash(fields, "hash", 16),
            row,
            ImageFacts(
                _number(fields, "width", 1, _MOST_PIXELS),
                _number(fields, "height", 1, _MOST_PIXELS),
                _name(fields, "format"),
                _taken_at(fields),
                None if fields.get("camera") is None else _name(fields, "camera"),
                _labels(fields),
            ),
            None if fields.get("perceptual") is None else _hash(fields, "perceptual", 32),
        )
    except Unsound as error:
        raise Unsound(str(error), row) from error
    if entry.root == os.path.dirname(entry.root) and entry.root not in single:
        raise Unsound(
            f"root is {entry.root}, all of a machine", row, "export an index of folders below it"
        )
    return entry


def _root(fields: Mapping[str, object]) -> str:
    root = _name_of_file(fields, "root")
    if not os.path.isabs(root) or os.path.normpath(root) != root or root.startswith("//"):
        raise Unsound("root is no absolute path in its shortest form")
    return root


def _path(fields: Mapping[str, object]) -> str:
    path = _name_of_file(fields, "path")
    if os.path.isabs(path):
        raise Unsound("path is absolute, not below its root")
    if ".." in path.split("/"):
        raise Unsound("path leads out of its root (..)")
    if path == "." or os.path.normpath(path) != path:
        raise Unsound("path is not in its shortest form")
    return path


def _name_of_file(fields: Mapping[str, object], key: str) -> str:
    """Return a name as Python's file functions have it."""
    name = fields.get(key)
    if not isinstance(name, str) or not name:
        raise Unsound(f"{key} is no text")
    if "\0" in name:
        raise Unsound(f"{key} holds a NUL")
    try:
        return os.fsdecode(os.fsencode(name))  # bytes that are UTF-8 after all become characters
    except UnicodeError:
        raise Unsound(f"{key} is no name a file could have") from None


def _hash(fields: Mapping[str, object], key: str, length: int) -> bytes:
    digits = fields.get(key)
    if not isinstance(digits, str) or len(digits) != 2 * length or not _HASH.fullmatch(digits):
        raise Unsound(f"{key} is not {2 * length} hexadecimal digits")
    return bytes.fromhex(digits)


def _labels(fields: Mapping[str, object]) -> tuple[str, ...]:
    labels = fields.get("labels") or []
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise Unsound("labels is no list of texts")
    if tidy(labels) != tuple(labels):
        raise Unsound(
            f"labels is more than {MOST}, or one of them no line of 1 to {LONGEST} printable "
            "characters, or there twice"
        )
    return tuple(labels)


def _number(fields: Mapping[str, object], key: str, least: int, most: int) -> int:
    number = fields.get(key)
    if not isinstance(number, int) or isinstance(number, bool):
        raise Unsound(f"{key} is no whole number")
    if not least <= number <= most:
        raise Unsound(f"{key} is not from {least} to {most}")
    return number


def _name(fields: Mapping[str, object], key: str) -> str:
    text = fields.get(key)
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise Unsound(f"{key} is no short line of printable text")
    return text


def _taken_at(fields: Mapping[str, object]) -> str | None:
    text = fields.get("taken_at")
    if text is None:
        return None
    try:
        if not isinstance(text, str) or not _WHEN.fullmatch(text):
            raise ValueError(text)
        datetime.fromisoformat(text)
    except ValueError:
        raise Unsound("taken_at is no date and time") from None
    return text
