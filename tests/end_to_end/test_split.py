"""`vsearch split`: whole outputs, planted near-duplicates, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from end_to_end.command import PHOTOS, Run, environment
from fake_encoder import PixelEncoder
from photographs import LIMIT
from PIL import Image, ImageEnhance, ImageOps

from vsearch.duplicates.find import hanging_together
from vsearch.errors import UsageError
from vsearch.images.perceptual import NO_STRUCTURE, perceptual_hash
from vsearch.index import Index
from vsearch.indexing.run import Options, update
from vsearch.splitting import split as module
from vsearch.splitting.split import Leak, Machine, Plan, Splitting
from vsearch.splitting.split import split as split_index
from vsearch.truth.read import pictures_of, read_sheet


def resized(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 2, picture.height // 2))


def cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width * 0.015, height * 0.015, width * 0.985, height * 0.985))


EDITS: dict[str, tuple[Callable[[Image.Image], Image.Image], int]] = {
    "resized": (resized, 90),
    "recompressed": (lambda one: one, 30),
    "cropped": (cropped, 90),
    "brighter": (lambda one: ImageEnhance.Brightness(one).enhance(1.3), 90),
    "grey": (lambda one: ImageOps.grayscale(one).convert("RGB"), 90),
    "mirrored": (ImageOps.mirror, 90),
}


def planted(root: Path, count: int) -> list[tuple[str, str]]:
    """Make pictures in class folders, a fifth of them edits of others, and tell which of which.

    They are parts of the example photographs, of a quarter of their area each. What is too flat
    to be near to anything is not among them.
    """
    draw = random.Random(1)
    tiles = []
    for path in sorted(PHOTOS.glob("IMG_00??.jpg")):
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened.convert("RGB"))
        half = picture.width // 2, picture.height // 2
        for place in range(4):
            left, top = half[0] * (place % 2), half[1] * (place // 2)
            tile = picture.crop((left, top, left + half[0], top + half[1]))
            if perceptual_hash(np.asarray(tile)) != NO_STRUCTURE:
                tiles.append(tile)
    draw.shuffle(tiles)
    originals = count * 4 // 5
    names = []
    for number, tile in enumerate(tiles[:originals]):
        name = root / f"class {number % 3}" / f"{draw.randrange(10**9)}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        tile.save(name)
        names.append(str(name))
    assert len(names) == originals
    pairs = []
    for number in range(count - originals):
        original = draw.choice(names[:originals])
        edit, quality = list(EDITS.values())[number % len(EDITS)]
        with Image.open(original) as opened:
            made = edit(opened.convert("RGB"))
        copy = Path(original).parent / f"{draw.randrange(10**9)}.jpg"
        made.save(copy, quality=quality)
        pairs.append((original, str(copy)))
    return pairs


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def leaked(pairs: list[tuple[str, str]], splits: Mapping[str, str]) -> int:
    return sum(splits[original] != splits[copy] for original, copy in pairs)


def test_planted_near_duplicates_do_not_leak(vsearch: Run, tmp_path: Path) -> None:
    root = tmp_path / "root"
    pairs = planted(root, 130)
    for seed in (0, 1):
        out = tmp_path / "split.csv"
        options = ("--out", out, "--fractions", "60,20,20", "--seed", str(seed), "--json")
        done = vsearch("split", root, *options)
        assert done.returncode == 0, done.stderr
        splits = {str(tmp_path / row["path"]): row["split"] for row in rows_of(out)}
        assert len(splits) == 130
        assert leaked(pairs, splits) == 0
        summary = json.loads(done.stdout)
        counts = Counter(splits.values())
        for name, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
            of_split = summary["splits"][name]
            assert of_split["pictures"] == counts[name]
            assert abs(counts[name] - share * 130) <= 3
            assert set(of_split["labels"]) == {"class 0", "class 1", "class 2"}
            for label, count in of_split["labels"].items():
                total = sum(part["labels"][label] for part in summary["splits"].values())
                assert abs(count - share * total) <= 3
        assert summary["near_duplicates_across_splits"] == 0
        assert summary["groups"] <= 130 - len(pairs)


def indexed(root: Path, index: Path) -> Path:
    list(update(index, PixelEncoder(), [str(root)], Options(2, LIMIT)))
    return index


def run_on(index: Path, root: Path, plan: Plan) -> Splitting:
    sheet = read_sheet(root)
    with Index(index) as opened:
        pictures = pictures_of(root, sheet)
        return split_index(opened, sheet, pictures, {}, plan, Machine(2, LIMIT))


def test_without_the_groups_it_leaks_and_the_proof_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, plan = tmp_path / "root", Plan({"train": 0.5, "test": 0.5}, alike=1.0)
    pairs = planted(root, 60)
    index = indexed(root, tmp_path / "index")
    assert run_on(index, root, plan).groups_of_near > 0

    def each_alone(*arguments: Any, **options: Any) -> tuple[Any, Any]:
        near, hashes = hanging_together(*arguments, **options)
        return np.arange(len(near)), hashes

    monkeypatch.setattr(module, "hanging_together", each_alone)
    with pytest.raises(
        Leak, match=r"near-duplicates across splits, such as .*; nothing is written"
    ):
        run_on(index, root, plan)
    monkeypatch.setattr(module, "leaks", lambda *_: (0, np.empty((0, 2), dtype=np.int64)))
    assert leaked(pairs, run_on(index, root, plan).splits) > len(pairs) // 4


def test_an_exact_copy_that_parts_is_a_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a picture has no structure, and is near to nothing."""
    root, plan = tmp_path / "root", Plan({"train": 0.5, "test": 0.5}, alike=1.0)
    root.mkdir()
    for number in range(6):
        Image.new("RGB", (64, 64), (40 * (number // 2), 9, 9)).save(root / f"{number}.png")
    index = indexed(root, tmp_path / "index")
    found = run_on(index, root, plan)
    assert (found.flat, found.groups, found.groups_of_near) == (6, 3, 3)
    splits = [split for _, split in sorted(found.splits.items())]
    assert splits[::2] == splits[1::2]
    monkeypatch.setattr(module, "groups_of", lambda _, count: [[one] for one in range(count)])
    with pytest.raises(Leak, match=r"such as .*png and .*png"):
        run_on(index, root, plan)


def test_what_is_kept_together(vsearch: Run, photos_index: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "cases.csv", tmp_path / "out.csv"
    names = sorted(path.name for path in PHOTOS.glob("IMG_00??.jpg"))[:24]
    lines = [f"{name},{at % 2},{at // 4 if at else ''}" for at, name in enumerate(names)]
    source.write_text("file,label,patient\n" + "\n".join(lines) + "\n")
    options = ("--images", PHOTOS, "--index", photos_index, "--out", out, "--fractions", "50,50")
    done = vsearch("split", source, *options, "--together", "patient")
    assert done.returncode == 0, done.stderr
    by_patient: dict[str, set[str]] = {}
    for row in rows_of(out):
        if row["patient"]:
            by_patient.setdefault(row["patient"], set()).add(row["split"])
    assert len(by_patient) == 6
    assert b"1 of 24 pictures are blank in `patient`: not kept together by it\n" in done.stderr
    assert all(len(splits) == 1 for splits in by_patient.values())
    assert [row["file"] for row in rows_of(out)] == [str(PHOTOS / name) for name in names]

    assert vsearch("split", source, *options, "--together", "day").returncode == 0
    refused = vsearch("split", source, *options, "--together", "folder")
    assert refused.returncode == 2
    assert refused.stderr == (
        b"vsearch: too few pictures that need not stay together, 1 for 2 splits (of 24 in all); "
        b"name more pictures, or leave out --together folder\n"
    )
    unknown = vsearch("split", source, *options, "--together", "doctor")
    assert unknown.stderr == (
        b"vsearch: nothing to keep pictures together by, 'doctor'; there is: folder, day, file, "
        b"label, patient\n"
    )


FOLDER, PATIENT, DOCTOR = (
    f"leave out --together {name}" for name in ("folder", "patient", "doctor")
)
ALIKE = "keep together only what is more alike, with --alike"
OTHERS, COPIES = (10, 13, 18, 24), (10,) * 4
ALL = -1.0  # a cosine that any two reach


@pytest.mark.parametrize(
    ("numbers", "splits", "together", "alike", "advice"),
    [
        (OTHERS, 2, ["folder"], 0.99, [FOLDER]),
        (OTHERS, 2, ["folder", "patient"], 0.99, [FOLDER]),
        (OTHERS, 2, [], ALL, [ALIKE]),
        (OTHERS, 2, ["folder", "patient"], ALL, [f"{FOLDER} and {ALIKE}"]),
        (OTHERS, 3, ["patient"], 0.99, ["fewer --fractions", PATIENT]),
        (OTHERS, 2, ["patient", "doctor"], 0.99, [f"{PATIENT} and {DOCTOR}"]),  # neither alone
        (COPIES, 2, ["folder"], ALL, []),  # near-duplicates stay together whatever is asked
    ],
)
def test_too_few_groups_are_told_with_what_keeps_them_together(
    numbers: tuple[int, ...],
    splits: int,
    together: list[str],
    alike: float,
    advice: list[str],
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    truth = root / "t.csv"
    truth.write_text("path,patient,doctor\n0.jpg,1,1\n1.jpg,1,2\n2.jpg,2,1\n3.jpg,2,2\n")
    for at, number in enumerate(numbers):
        shutil.copy(PHOTOS / f"IMG_00{number}.jpg", root / f"{at}.jpg")
    index = indexed(root, tmp_path / "index")
    plan = Plan({str(at): 1 / splits for at in range(splits)}, together, alike=alike)
    with pytest.raises(UsageError) as raised:
        run_on(index, truth, plan)
    assert str(raised.value).split("; ")[1] == ", or ".join(["name more pictures", *advice])


def test_what_no_picture_is_kept_together_by_is_told(vsearch: Run, tmp_path: Path) -> None:
    """Without a word, the split would be as without --together."""
    root, out = tmp_path / "root", tmp_path / "out.csv"
    root.mkdir()
    names = sorted(path.name for path in PHOTOS.glob("IMG_00??.jpg"))[:4]
    for name in names:
        with Image.open(PHOTOS / name) as opened:
            opened.save(root / f"{name}.png")  # no date
    truth = root / "t.csv"
    rows = "".join(f"{name}.png,x,,\n" for name in names)
    truth.write_text("path,label,patient,day\n" + rows)
    assert vsearch("index", root, "--index", tmp_path / "index").returncode == 0
    options = ("--index", tmp_path / "index", "--fractions", "50,50", "--out", out)
    for source, name, said in (
        (root, "day", "no picture has a day from a camera; leave out --together day, or "),
        (truth, "day", "all pictures are blank in `day`; fill it, or leave out --together day"),
        (truth, "patient", "all pictures are blank in `patient`; "),
    ):
        done = vsearch("split", source, *options, "--together", name)
        assert done.returncode == 2
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(f"vsearch: {said}")
        assert not out.exists()
    for number in ("05", "06", "09"):  # these have one
        shutil.copy(PHOTOS / f"IMG_00{number}.jpg", root)
    assert vsearch("index", root, "--index", tmp_path / "index").returncode == 0
    done = vsearch("split", root, *options, "--together", "day", "--json")
    assert done.returncode == 0
    assert b"4 of 7 pictures have no day from a camera: not kept together by it\n" in done.stderr
    assert json.loads(done.stdout)["unmarked"] == {"day": 4}


def test_the_output_whole(vsearch: Run, photos_index: Path, tmp_path: Path) -> None:
    done = vsearch("split", PHOTOS / "labels.csv", "--index", photos_index, "--fractions", "70,30")
    assert done.returncode == 0
    lines = done.stdout.decode().split("\n")
    assert lines[0] == "path,label,split"
    assert lines[1].startswith(f"{PHOTOS}/IMG_0001.jpg,building,")
    assert len(lines) == 50
    train = sum(line.endswith(",train") for line in lines)
    told = done.stderr.decode().splitlines()
    assert told[0] == "48 pictures in 45 groups; 3 groups of what is near or alike, kept together"
    assert told[1:3] == [
        f"  train       {train}  {train / 48:.1%}  wanted 70.0%",
        f"  test        {48 - train}  {1 - train / 48:.1%}  wanted 30.0%",
    ]
    assert told[3].startswith("largest deviation of a class: ")
    pairs = train * (48 - train)
    assert told[-1] == f"no near-duplicate across splits: 0 of {pairs} pairs looked at"
    again = vsearch("split", PHOTOS / "labels.csv", "--index", photos_index, "--fractions", "70,30")
    assert again.stdout == done.stdout
    dash = ("--fractions", "70,30", "--out", "-")
    to_stdout = vsearch("split", PHOTOS / "labels.csv", "--index", photos_index, *dash)
    assert to_stdout.stdout == done.stdout
    out = ("--index", photos_index, "--out", "./-")  # a file of that name
    assert vsearch("split", PHOTOS / "labels.csv", *out, cwd=tmp_path).stdout == b""
    assert (tmp_path / "-").read_bytes().startswith(b"path,label,split\n")
    other = vsearch("split", PHOTOS / "labels.csv", "--index", photos_index, "--seed", "5")
    assert other.stdout != done.stdout
    # Without a truth, all that the index has; without an index, one for the time being.
    every = vsearch("split", "--index", photos_index, "--fractions", "70,30")
    assert every.stdout.count(b"\n") == 49
    captions = vsearch("split", PHOTOS / "captions.csv", "--fractions", "70,30")
    assert captions.returncode == 0
    assert captions.stderr.startswith(
        b"there is no index; embedding all 48 for the time being (`vsearch index"
    )
    assert captions.stdout.startswith(b"image,caption,split\n")


def test_pictures_that_cannot_be_used_are_left_out(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    source = tmp_path / "t.csv"
    names = [PHOTOS / f"IMG_00{number}.jpg" for number in (10, 12, 13, 14, 15)]
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    paths = [*names, "gone.jpg", "bad.jpg"]
    source.write_text("path,label\n" + "".join(f"{path},x\n" for path in paths))
    done = vsearch("split", source, "--index", photos_index, "--fractions", "60,40")
    assert done.returncode == 3
    assert done.stdout.count(b"\n") == 6
    told = done.stderr.decode()
    why = "not there, of no class, or without an embedding"
    assert f"left out, {why}: 2 pictures: {tmp_path}/gone.jpg, " in told
    source.write_text("path,label\nbad.jpg,x\n")
    unreadable = vsearch("split", source, "--index", photos_index)
    assert unreadable.returncode == 2
    assert unreadable.stderr.decode().splitlines()[-1] == (
        f"vsearch: none of the pictures can be read, such as {tmp_path}/bad.jpg; name others"
    )


def test_where_no_picture_is_there_it_is_told_what_may_help(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    source, photos, index = (tmp_path / name for name in ("t.csv", "photos", "index"))
    source.write_text("path,label\ngone.jpg,x\n")
    for place in photos_index, tmp_path / "none":
        done = vsearch("split", source, "--index", place)
        assert done.returncode == 2
        assert done.stderr.decode() == (
            f"vsearch: none of its pictures is there and can be read, such as {tmp_path}/gone.jpg; "
            "add --images DIR, the folder they are below\n"
        )
    photos.mkdir()
    shutil.copy(PHOTOS / "IMG_0010.jpg", photos)
    assert vsearch("index", photos, "--index", index).returncode == 0
    (photos / "IMG_0010.jpg").unlink()
    done = vsearch("split", "--index", index)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "vsearch: none of the index's pictures is there and can be read, such as "
        f"{photos}/IMG_0010.jpg; bring it up to date with `vsearch index`\n"
    )


def test_images_without_a_truth_is_refused(vsearch: Run, photos_index: Path) -> None:
    done = vsearch("split", "--images", PHOTOS, "--index", photos_index)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == (b"vsearch: --images says where pictures of TRUTH are; give that, too\n")


def test_a_carriage_return_in_a_name_or_a_label_is_kept(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    names = ["cr\rx.jpg", "b.jpg", "c.jpg", "d.jpg"]
    for name, number in zip(names, (10, 13, 18, 24), strict=True):
        shutil.copy(PHOTOS / f"IMG_00{number}.jpg", photos / name)
    truth, out = photos / "t.csv", photos / "split.csv"
    truth.write_bytes(b"path,label\n" + b"".join(f'"{n}","a\rb"\n'.encode() for n in names))
    assert vsearch("index", photos, "--index", index).returncode == 0
    asked = ("--index", index, "--fractions", "50,50")
    for source in truth, out:
        done = vsearch("split", source, *asked, "--out", out)
        assert done.returncode == 0, done.stderr
        assert [(row["path"], row["label"]) for row in rows_of(out)] == [
            (name, "a\rb") for name in names
        ]
    analysis = vsearch("analyze", "--labels", out, "--index", index, "--json")
    assert analysis.returncode == 0, analysis.stderr
    (label,) = json.loads(analysis.stdout)["labelling"]["classes"]
    assert (label["label"], label["splits"]) == ("a\rb", {"train": 2, "test": 2})
    figures = vsearch("evaluate", out, "--split", "test", "--index", index, "--no-latency")
    assert figures.returncode == 0, figures.stderr
    to_stdout = vsearch("split", photos, *asked)
    assert f'"{photos}/cr\rx.jpg","' in to_stdout.stdout.decode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--fractions", "80,10"],
            "not two or three numbers above zero that sum to 100: --fractions",
        ),
        (
            ["--fractions", "100,0"],
            "not two or three numbers above zero that sum to 100: --fractions",
        ),
        (["--fractions", "nan,50"], "not two or three numbers above zero that sum to 100: "),
        (["--json"], "--json prints the summary where the CSV would come; add --out FILE"),
        (
            ["--out", "labels.csv"],
            "what is there already is no split of CSV with a column `split`, ",
        ),
        (["--out", "gone/x.csv"], "No such file or directory"),
    ],
)
def test_refused(
    options: list[str], message: str, vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text("path,label\na.jpg,x\n")
    truth = PHOTOS / "labels.csv"
    done = vsearch("split", truth, "--index", photos_index, *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert os.listdir(tmp_path) == ["labels.csv"]


def test_what_changed_since_it_was_indexed_is_looked_at_anew(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    for number in range(1, 9):
        if number != 3:  # which is no JPEG
            shutil.copy(PHOTOS / f"IMG_{number:04}.jpg", photos)
    assert vsearch("index", photos, "--index", index).returncode == 0
    shutil.copy(photos / "IMG_0004.jpg", photos / "IMG_0005.jpg")
    (photos / "IMG_0006.jpg").write_bytes(b"junk")
    for seed in range(4):
        done = vsearch(
            "split", "--index", index, "--fractions", "50,50", "--seed", str(seed),
            "--out", tmp_path / "s.csv",
        )  # fmt: skip
        assert done.returncode == 3
        assert b"not in the index" in done.stderr
        splits = {Path(row["path"]).name: row["split"] for row in rows_of(tmp_path / "s.csv")}
        assert splits["IMG_0004.jpg"] == splits["IMG_0005.jpg"]
        assert "IMG_0006.jpg" not in splits


@pytest.mark.parametrize("lost", ["columns", "rows"])
def test_a_table_of_ones_own_is_not_overwritten(
    vsearch: Run, photos_index: Path, tmp_path: Path, lost: str
) -> None:
    mine = tmp_path / "mine.csv"
    note, value = (",note", ",by hand") if lost == "columns" else ("", "")
    mine.write_text(f"path,label,split{note}\n{PHOTOS / 'IMG_0001.jpg'},castle,train{value}\n")
    before = mine.read_bytes()
    asked = ("split", PHOTOS / "labels.csv", "--index", photos_index, "--out", mine)
    done = vsearch(*asked)
    assert done.returncode == 2
    assert f"a split with {lost} that this one has not".encode() in done.stderr
    assert mine.read_bytes() == before
    mine.unlink()
    assert vsearch(*asked).returncode == 0
    assert vsearch(*asked, "--seed", "1").returncode == 0  # the same rows, split anew


def test_pictures_beside_class_folders_are_named(vsearch: Run, tmp_path: Path) -> None:
    (tmp_path / "set" / "animals").mkdir(parents=True)
    for place, names in ("animals", ("0006", "0010", "0013", "0018")), (".", ("0001", "0002")):
        for name in names:
            shutil.copy(PHOTOS / f"IMG_{name}.jpg", tmp_path / "set" / place)
    done = vsearch("split", tmp_path / "set", "--fractions", "50,50")
    assert done.returncode == 3
    assert done.stdout.count(b"\n") == 5
    assert b"left out, not there, of no class, or without an embedding: 2 pictures: " in done.stderr


def test_nothing_to_split_is_one_line(vsearch: Run, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert vsearch("index", tmp_path / "none", "--index", tmp_path / "index").returncode == 0
    for arguments in ("--index", tmp_path / "index"), (tmp_path / "none",):
        done = vsearch("split", *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith(b"vsearch: no pictures")


SLOW = """
import time
from pathlib import Path
from vsearch.__main__ import main

def slowly(path, content):
    with path.open("wb") as file:
        file.write(content[:9])
        file.flush()
        time.sleep(60)

Path.write_bytes = slowly
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ended_while_it_writes_it_leaves_nothing(
    photos_index: Path, tmp_path: Path, number: int, code: int
) -> None:
    place = tmp_path / "out"
    place.mkdir()
    options = ("--index", photos_index, "--out", place / "s.csv")
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, "split", *options],
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
    ) as process:
        new = place / ".s.csv.exporting" / "new"
        ends = time.monotonic() + 60
        while not (new.exists() and new.stat().st_size) and time.monotonic() < ends:
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert os.listdir(place) == []
    assert said == (b"interrupted; nothing is left half written\n" if code == 130 else b"")
