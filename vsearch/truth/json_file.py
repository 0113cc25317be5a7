"""COCO, Karpathy and JSON Lines -> a sheet.

COCO        {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}
            (Chen et al., "Microsoft COCO Captions: Data Collection and Evaluation Server", 2015)
Karpathy    {"images": [{"filename", "filepath"?, "split", "sentences": [{"raw"}]}]}
            (Karpathy, Fei-Fei, "Deep Visual-Semantic Alignments for Generating Image
            Descriptions", 2015); its split "restval" is part of "train"
JSON Lines  an object a line, whose keys are what the columns of a CSV are called; the picture
            may be a list of them
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vsearch.truth.sheet import Columns, Sheet, columns_of, fault

if TYPE_CHECKING:
    from pathlib import Path

_CAPTIONED = ("image", "caption")
_PARTS = {"restval": "train"}
_ANEW = "fetch or write it anew"


def read_json(place: Path, text: str) -> Sheet | None:
    """Return the sheet that a text beginning with a bracket is; None where it is of no known kind.

    Raises SourceError where it is damaged.
    """
    if text[0] == "{":
        first = text.split("\n", 1)[0]
        try:
            found = json.loads(first)
        except (ValueError, RecursionError):
            found = None  # an object over several lines, or damaged: told below
        if isinstance(found, dict) and "images" not in found and "annotations" not in found:
            return _lines(place, text)
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"it is damaged JSON ({error.msg}, column {error.colno})"
        raise fault(place, what, _ANEW, f"line {error.lineno}") from None
    except (ValueError, RecursionError) as error:
        raise fault(place, f"it is damaged JSON ({error})", _ANEW) from None
    if not isinstance(found, dict) or not isinstance(found.get("images"), list):
        return None
    images, annotations = found["images"], found.get("annotations")
    if isinstance(annotations, list):
        return _coco(place, images, annotations)
    return _karpathy(place, images)


def _coco(place: Path, images: list[Any], annotations: list[Any]) -> Sheet:
    names: dict[object, str] = {}
    for number, image in enumerate(images):
        try:
            names[image["id"]] = _text(image["file_name"])
        except (LookupError, TypeError, ValueError):
            what = "an image has no `id` or no `file_name`"
            raise fault(place, what, _ANEW, f"images[{number}]") from None
    rows, numbers = [], []
    for number, annotation in enumerate(annotations):
        try:
            image, caption = annotation["image_id"], _text(annotation["caption"])
        except (LookupError, TypeError, ValueError):
            if isinstance(annotation, dict) and "caption" not in annotation:
                what = "it is COCO, but not of captions: an annotation has none"
                raise fault(
                    place, what, "name the file of captions", f"annotations[{number}]"
                ) from None
            what = "an annotation has no `image_id` or no `caption`"
            raise fault(place, what, _ANEW, f"annotations[{number}]") from None
        try:
            name = names[image]
        except (LookupError, TypeError):
            what = f"a caption is of image {image!r}, which is not among the images"
            raise fault(place, what, _ANEW, f"annotations[{number}]") from None
        if caption.strip():  # the set has some blank ones, which say nothing
            rows.append([name, caption])
            numbers.append(number)
    return Sheet(Columns(_CAPTIONED, "captions", 0, 1), rows, numbers, "annotations[{}]")


def _karpathy(place: Path, images: list[Any]) -> Sheet:
    rows, numbers, bare = [], [], []
    for number, image in enumerate(images):
        try:
            name, below = _text(image["filename"]), _text(image.get("filepath", ""))
            split = _text(image["split"])
            captions = [_text(sentence["raw"]) for sentence in image["sentences"]]
        except (LookupError, TypeError, ValueError, AttributeError):
            what = "an image has no `filename`, `split` or `sentences` with `raw`"
            raise fault(place, what, _ANEW, f"images[{number}]") from None
        full = f"{below.rstrip('/')}/{name}" if below else name
        for caption in captions:
            if caption.strip():
                rows.append([full, caption, _PARTS.get(split, split)])
                numbers.append(number)
                bare.append(name)
    columns = Columns((*_CAPTIONED, "split"), "captions", 0, 1, split=2)
    return Sheet(columns, rows, numbers, "images[{}]", bare)


def _lines(place: Path, text: str) -> Sheet | None:
    objects: list[tuple[int, dict[str, Any]]] = []
    names: dict[str, None] = {}
    for line, one in enumerate(text.split("\n"), start=1):
        if not one.strip():
            continue
        try:
            found = json.loads(one)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise fault(
                place, "it is no JSON object", "mend the line, or remove it", f"line {line}"
            )
        names.update(dict.fromkeys(found))
        objects.append((line, found))
    try:
        columns = columns_of(list(names))
    except ValueError as error:
        raise fault(place, str(error), "remove one of the two") from None
    if columns is None:
        return None
    rows, numbers = [], []
    for line, found in objects:
        cells = [_cell(found.get(name)) for name in columns.names]
        pictures = found.get(columns.names[columns.picture])
        for picture in pictures if isinstance(pictures, list) else [pictures]:
            if not isinstance(picture, str):
                key = columns.names[columns.picture]
                what = f"{key!r} is no path, nor a list of them"
                raise fault(place, what, "mend the line", f"line {line}")
            cells[columns.picture] = picture
            rows.append(list(cells))
            numbers.append(line)
    return Sheet(columns, rows, numbers)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
