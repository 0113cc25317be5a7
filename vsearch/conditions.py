"""Conditions on what an index knows of a picture file: a small language of frozen values.

    Compared("width", ">=", 4000)                   a field with a number or a text, or two fields
    Compared("camera", "contains", "canon")         texts compare without regard to ASCII case
    Compared("label", "==", "Beach")                one of its labels; no case counts, in any script
    Compared("date", "==", "2023-05")               a date that is not whole means all of that month
    Matching("name", "IMG_*.jpg")                   *, ?, [abc] and [!abc]; * also matches "/"
    Below("/home/me/Pictures/2023")                 the file or folder of that name, and all below
    AllOf((...)), AnyOf((...)), Not(...)

`index` turns them into SQL, in which every value is a parameter; `searching` makes them from what a
person typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

NumberField = Literal["width", "height", "pixels", "bytes"]
TextField = Literal["path", "name", "type", "camera", "label"]
Field = Literal[NumberField, TextField, "date"]
Operator = Literal["==", "!=", "<", "<=", ">", ">=", "contains"]

NUMBERS: tuple[NumberField, ...] = get_args(NumberField)
TEXTS: tuple[TextField, ...] = get_args(TextField)


@dataclass(frozen=True, slots=True)
class Named:
    """The value of another field, where a number could stand."""

    field: NumberField


@dataclass(frozen=True, slots=True)
class Compared:
    """A field compared with a value: of a number field a number or another, of others a text.

    `width` and `height` are pixels of the upright picture, `pixels` their product, `bytes` the size
    of the file. `path` is absolute, `name` its last part. `type` is the format ("jpeg"), `camera`
    maker and model, empty when unknown. `label` is any of the labels in the file: "==" and
    "contains" hold where they do for one of them, "!=" where "==" does not. `date` is when the
    picture was taken, in the camera's local time, else when the file was changed, in that of this
    machine; a value for it is a part of "2023-05-04T12:33:10" from the left, and nothing holds for
    an unknown one.
    """

    field: Field
    operator: Operator
    value: float | str | Named


@dataclass(frozen=True, slots=True)
class Matching:
    """A path or a name as a whole matches a pattern, in which case counts."""

    field: Literal["path", "name"]
    pattern: str


@dataclass(frozen=True, slots=True)
class Below:
    """The file is `place`, an absolute path, or lies below it."""

    place: str


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of the conditions holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions holds."""

    conditions: tuple[Condition, ...]


Condition = Compared | Matching | Below | Not | AllOf | AnyOf
