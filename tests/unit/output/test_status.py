"""`status`: lines for a person, one JSON object for a program."""

import json
import os
import time
from dataclasses import replace

import pytest

from vsearch.errors import SkipReason
from vsearch.output.status import print_skipped, print_status
from vsearch.records import ModelIdentity, RootStatus, SetStatus, Status

EMPTY = Status(
    folder="/index", model=None, roots=(), images=0, lacking=0, rows=0, live_rows=0, graph_rows=0,
    others=(), labels={}, skipped={}, bytes=4096, changed_at=0.0,
)  # fmt: skip
FULL = Status(
    folder="/index",
    model=ModelIdentity("mini", "0123456789abcdef", "feed", 384),
    roots=(
        RootStatus("/photos", there=True, whole=True, images=1_000),
        RootStatus("/usb\x1b[2J/" + os.fsdecode(b"\xe9"), there=False, whole=True, images=20),
        RootStatus("/some", there=True, whole=False, images=3),
    ),
    images=1_023,
    lacking=0,
    rows=1_100,
    live_rows=1_021,
    graph_rows=1_078,
    others=(),
    labels={"sea": 1_000, "Böot\x1b": 2},
    skipped={"empty file": 2, "damaged image": 11},
    bytes=1_700_000,
    changed_at=0.0,
)


BIG = ModelIdentity("ViT-B-32", "fedcba9876543210", "feed", 512)
BUILDING = SetStatus(BIG, kept=False, rows=1_198, images=1_200, lacking=3_800, bytes=2_453_504)
KEPT = SetStatus(BIG, kept=True, rows=5_000, images=5_100, lacking=0, bytes=7_680_000)


def lines(status: Status, capsys: pytest.CaptureFixture[str], age: float = 0) -> list[str]:
    print_status(replace(status, changed_at=time.time() - age), as_json=False)
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


def test_an_empty_index(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(EMPTY, capsys) == [
        "index     /index",
        "pictures  0",
        "vectors   0",
        "graph     none; every search scans all vectors",
        "on disk   4.1 kB",
        "changed   just now",
    ]


def test_a_full_index(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(FULL, capsys) == [
        "index     /index",
        "pictures  1,023 (2 copies of others among them)",
        "      1,000  /photos",
        r"         20  /usb\x1b[2J/\xe9, not there now",
        "          3  /some, single files",
        "skipped   13",
        "         11  damaged image",
        "          2  empty file",
        r"labels    2: sea 1,000, Böot\x1b 2",
        "model     mini, 384 dimensions, 0123456789ab",
        "vectors   1,100, 79 of pictures that are gone",
        "graph     covers 1,078 of 1,100 vectors (98%)",
        "on disk   1.7 MB",
        "changed   just now",
    ]


def test_the_most_frequent_labels_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    many = {f"n{number}": 10 - number for number in range(7)}
    said = lines(replace(FULL, labels=many), capsys)
    assert said[8] == "labels    7: n0 10, n1 9, n2 8, n3 7, n4 6, ..."


def test_pictures_that_wait_for_this_model_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(replace(FULL, lacking=1_234), capsys)
    assert said[5] == "waiting   1,234 more without a vector yet; run `vsearch index`"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(BUILDING, "being built: ViT-B-32, 1,200 of 5,000 pictures", id="being built"),
        pytest.param(
            replace(BUILDING, images=0, lacking=1),
            "being built: ViT-B-32, 0 of 1 picture",
            id="just begun",
        ),
        pytest.param(
            KEPT,
            "kept: ViT-B-32, 5,000 vectors, 7.7 MB; free it with `vsearch index --drop-old`",
            id="kept",
        ),
        pytest.param(
            replace(KEPT, lacking=20),
            "kept: ViT-B-32, 5,000 vectors (of 20 pictures none), 7.7 MB; "
            "free it with `vsearch index --drop-old`",
            id="kept while pictures were added",
        ),
        pytest.param(
            replace(BUILDING, model=replace(BIG, name="a\x1b[2J\n")),
            r"being built: a\x1b[2J\n, 1,200 of 5,000 pictures",
            id="a name that a terminal would obey",
        ),
    ],
)
def test_vectors_of_other_models_are_told(
    capsys: pytest.CaptureFixture[str], other: SetStatus, expected: str
) -> None:
    said = lines(replace(FULL, others=(other,)), capsys)
    at = said.index(f"beside    {expected}")
    assert said[at - 1].startswith("graph ")
    assert len(said) == len(lines(FULL, capsys)) + 1
    both = lines(replace(FULL, others=(other, KEPT)), capsys)
    assert [line[:10] for line in both].count("beside    ") == 2


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (-5, "just now"), (30, "just now"), (61, "1 minute ago"), (59 * 60 + 30, "59 minutes ago"),
        (3601, "1 hour ago"), (5 * 3600 + 30, "5 hours ago"), (86401, "1 day ago"),
        (1000 * 86400 + 30, "1,000 days ago"),
    ],
)  # fmt: skip
def test_ages(capsys: pytest.CaptureFixture[str], age: float, expected: str) -> None:
    assert lines(EMPTY, capsys, age)[-1] == f"changed   {expected}"


def test_one_copy_is_a_copy(capsys: pytest.CaptureFixture[str]) -> None:
    status = replace(FULL, images=1_022)
    assert lines(status, capsys)[1] == "pictures  1,022 (1 copy of others among them)"


def test_as_json_it_is_every_field_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_status(replace(FULL, lacking=7, others=(BUILDING,)), as_json=True)
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "folder": "/index",
        "model": {
            "name": "mini", "weights": "0123456789abcdef", "preprocessing": "feed", "dim": 384,
        },
        "roots": [
            {"path": "/photos", "there": True, "whole": True, "images": 1000},
            {
                "path": "/usb\x1b[2J/" + os.fsdecode(b"\xe9"),
                "there": False, "whole": True, "images": 20,
            },
            {"path": "/some", "there": True, "whole": False, "images": 3},
        ],
        "images": 1023,
        "lacking": 7,
        "rows": 1100,
        "live_rows": 1021,
        "graph_rows": 1078,
        "others": [
            {
                "model": {
                    "name": "ViT-B-32", "weights": "fedcba9876543210", "preprocessing": "feed",
                    "dim": 512,
                },
                "kept": False, "rows": 1198, "images": 1200, "lacking": 3800, "bytes": 2453504,
                "name": "",
            },
        ],
        "labels": {"sea": 1000, "Böot\x1b": 2},
        "skipped": {"empty file": 2, "damaged image": 11},
        "bytes": 1_700_000,
        "changed_at": 0.0,
        "vector_set": "",
    }  # fmt: skip


SKIPPED = [
    ("/p/a\tb\n.png", SkipReason.DAMAGED, "cut\toff"),
    ("/p/" + os.fsdecode(b"\xe9") + "🎉.png", SkipReason.EMPTY, ""),
]


def test_skipped_files_are_three_columns_whatever_the_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_skipped(SKIPPED, as_json=False)
    assert capsys.readouterr().out == (
        "damaged image\tcut\\toff\t/p/a\\tb\\n.png\nempty file\t\t/p/\\xe9🎉.png\n"
    )


def test_skipped_files_as_json_give_any_name_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_skipped(SKIPPED, as_json=True)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found == [
        {"path": path, "reason": str(reason), "detail": detail} for path, reason, detail in SKIPPED
    ]
