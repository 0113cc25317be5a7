"""Every format of truth, in the forms it comes in, and what is said of those that are damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS

from vsearch.errors import SourceError, UsageError, VsearchError
from vsearch.truth.read import read
from vsearch.truth.values import Captions, Labels, Queries

COCO = {
    "info": {"year": 2014},
    "images": [{"id": 7, "file_name": "b.jpg"}, {"id": 3, "file_name": "a.jpg"}],
    "annotations": [
        {"image_id": 3, "id": 1, "caption": "One dog.\n"},
        {"image_id": 7, "id": 2, "caption": "A cat."},
        {"image_id": 3, "id": 3, "caption": "Two dogs."},
        {"image_id": 3, "id": 4, "caption": " "},
    ],
}
KARPATHY = {
    "dataset": "coco",
    "images": [
        {"filename": "a.jpg", "split": "restval", "sentences": [{"raw": "One."}, {"raw": "Two."}]},
        {"filename": "b.jpg", "split": "train", "sentences": [{"raw": "Three."}]},
        {"filename": "c.jpg", "split": "test", "sentences": [{"raw": "Four."}]},
    ],
}

CAPTIONS = {
    "csv": 'image,caption\na.jpg,"One, two"\nb.jpg,Three\na.jpg,Four\n',
    "crlf and a byte order mark": '\ufeffimage,caption\r\n'
    'a.jpg,"One, two"\r\nb.jpg,Three\r\na.jpg,Four',
    "blank lines, one row twice": 'image,caption\n\na.jpg,"One, two"\n\nb.jpg,Three\n'
    "a.jpg,Four\na.jpg,Four\n",
    "semicolons": "Image;Caption\na.jpg;One, two\nb.jpg;Three\na.jpg;Four\n",
    "tabs": "caption\timage\tnote\nOne, two\ta.jpg\t\nThree\tb.jpg\tx\nFour\ta.jpg\t\n",
    "flickr8k": "a.jpg#0\tOne, two\nb.jpg#0\tThree\na.jpg#1\tFour\n",
    "flickr30k": "image_name| comment_number| comment\na.jpg| 0| One, two\n"
    "b.jpg| 0   Three\na.jpg| 1| Four\n",
    "json lines": '{"file_name": "a.jpg", "text": "One, two"}\n'
    '{"file_name": "b.jpg", "text": "Three"}\n'
    '{"file_name": "a.jpg", "text": "Four"}\n',
}  # fmt: skip


@pytest.mark.parametrize("text", CAPTIONS.values(), ids=CAPTIONS)
def test_captions(text: str, tmp_path: Path) -> None:
    place = tmp_path / "truth"
    place.write_bytes(text.encode())
    assert read(place) == Captions(
        (f"{tmp_path}/a.jpg", f"{tmp_path}/b.jpg"), ("One, two", "Three", "Four"), (0, 1, 0)
    )


def test_utf_16_and_quoted_newlines_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    place = tmp_path / "truth"
    place.write_bytes('image\tcaption\né.jpg\t"One\r\ntwo"'.encode("utf-16"))
    assert read(place) == Captions((f"{tmp_path}/é.jpg",), ("One\r\ntwo",), (0,))
    place.write_bytes(b"image,caption\n\xff.jpg,One\n")
    assert read(place) == Captions((f"{tmp_path}/\udcff.jpg",), ("One",), (0,))


def test_coco(tmp_path: Path) -> None:
    place = tmp_path / "captions.txt"
    place.write_text(json.dumps(COCO, indent=1))
    paths = (f"{tmp_path}/a.jpg", f"{tmp_path}/b.jpg")
    assert read(place) == Captions(paths, ("One dog.", "A cat.", "Two dogs."), (0, 1, 0))


def test_karpathy(tmp_path: Path) -> None:
    place = tmp_path / "dataset.json"
    place.write_text(json.dumps(KARPATHY))
    a, b, c = (f"{tmp_path}/{name}.jpg" for name in "abc")
    splits = ("train", "train", "test")
    everything = Captions((a, b, c), ("One.", "Two.", "Three.", "Four."), (0, 0, 1, 2), splits)
    assert read(place) == everything
    train = Captions((a, b), ("One.", "Two.", "Three."), (0, 0, 1), ("train", "train"))
    assert read(place, split="train") == train
    assert read(place, split="test") == Captions((c,), ("Four.",), (0,), ("test",))


@pytest.mark.parametrize(
    "there", ["val2014/a.jpg", "a.jpg", "images/a.jpg", "Images/val2014/a.jpg"]
)
def test_karpathy_with_folders_that_may_be_gone(there: str, tmp_path: Path) -> None:
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).touch()
    one = {"filename": "a.jpg", "filepath": "val2014", "split": "val", "sentences": [{"raw": "x"}]}
    (tmp_path / "t.json").write_text(json.dumps({"images": [one]}))
    assert read(tmp_path / "t.json").paths == (f"{tmp_path}/{there}",)


def test_labels_of_the_examples() -> None:
    found = read(PHOTOS / "labels.csv")
    assert isinstance(found, Labels)
    assert (found.paths[0], found.labels[0]) == (f"{PHOTOS}/IMG_0001.jpg", "building")
    assert (len(found.paths), found.splits) == (48, None)


@pytest.mark.parametrize(
    "head", ["path,label", "image,class", "file,category", "filename,LABEL", " path , label "]
)
def test_labels(head: str, tmp_path: Path) -> None:
    place = tmp_path / "labels"
    place.write_text(f"{head},split\n./a.jpg, cat ,train\nx/../b.jpg,dog,\n/c.jpg,cat,test\n")
    paths = (f"{tmp_path}/a.jpg", f"{tmp_path}/b.jpg", "/c.jpg")
    assert read(place) == Labels(paths, ("cat", "dog", "cat"), ("train", "", "test"))
    assert read(place, split="test") == Labels(("/c.jpg",), ("cat",), ("test",))


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_class_folders(tmp_path: Path) -> None:
    root = made(tmp_path, "cat/a.jpg", "cat/deep/b.png", "dog/c.jpg", "loose.jpg", ".git/d.jpg",
                "cat/.hidden.jpg", "cat/notes.txt", ".vsearchignore")  # fmt: skip
    (root / "dog" / "link.jpg").symlink_to(root / "loose.jpg")
    paths = ("cat/a.jpg", "cat/deep/b.png", "dog/c.jpg")
    assert read(root) == Labels(
        tuple(f"{root}/{path}" for path in paths),
        ("cat", "cat", "dog"),
        beside=(f"{root}/loose.jpg",),
    )


def test_class_folders_in_splits(tmp_path: Path) -> None:
    root = made(tmp_path, "Train/cat/a.jpg", "Train/dog/b.jpg", "test/cat/c.jpg", "test/d.jpg")
    found = read(root, split="train")
    assert found == Labels((f"{root}/Train/cat/a.jpg", f"{root}/Train/dog/b.jpg"), ("cat", "dog"),
                           ("train", "train"), (f"{root}/test/d.jpg",))  # fmt: skip
    made(root, "other/cat/e.jpg")  # no split: they are all classes then
    assert isinstance(read(root), Labels)
    assert set(read(root).labels) == {"Train", "test", "other"}  # type: ignore[union-attr]  # it is Labels


@pytest.mark.parametrize(
    "text",
    [
        (
            "query,path,grade,split\n"
            "a dog,a.jpg,2,x\na cat,b.jpg,1,y\na dog,b.jpg,0,x\na dog,c.jpg,,x\n"
        ),
        (
            "query,relevant path,grade,split\n"
            "a dog,a.jpg,2,x\na cat,b.jpg,1,y\na dog,b.jpg,0,x\na dog,c.jpg,,x\n"
        ),
        (
            '{"query": "a dog", "relevant": "a.jpg", "grade": 2, "split": "x"}\n'
            '{"query": "a cat", "relevant": ["b.jpg"], "split": "y"}\n'
            '{"query": "a dog", "relevant": "b.jpg", "grade": -1, "split": "x"}\n'
            '{"query": "a dog", "relevant": ["c.jpg", "c.jpg"], "split": "x"}\n'
        ),
    ],
    ids=["csv", "another head", "json lines"],
)
def test_queries(text: str, tmp_path: Path) -> None:
    place = tmp_path / "queries"
    place.write_text(text)
    a, b, c = (f"{tmp_path}/{name}.jpg" for name in "abc")
    assert read(place) == Queries(
        (a, b, c), ("a dog", "a cat"), ({a: 2.0, c: 1.0}, {b: 1.0}), ("x", "y")
    )
    assert read(place, split="y") == Queries((b,), ("a cat",), ({b: 1.0},), ("y",))
    assert read(place, split="x") == Queries((a, b, c), ("a dog",), ({a: 2.0, c: 1.0},), ("x",))


def test_where_pictures_are(tmp_path: Path) -> None:
    place = tmp_path / "truth" / "t.csv"
    made(tmp_path, "truth/t.csv", "truth/Images/a.jpg", "elsewhere/b.jpg")
    place.write_text("path,label\ngone.jpg,x\na.jpg,y\n")
    assert read(place).paths == tuple(f"{tmp_path}/truth/Images/{n}.jpg" for n in ("gone", "a"))
    named = read(place, images=tmp_path / "elsewhere")
    assert named.paths == tuple(f"{tmp_path}/elsewhere/{n}.jpg" for n in ("gone", "a"))
    made(tmp_path, "truth/a.jpg")  # beside the file comes first
    assert read(place).paths == tuple(f"{tmp_path}/truth/{n}.jpg" for n in ("gone", "a"))


FAULTS = {
    "empty": ("", "it is empty, {}; name a CSV"),
    "blank": (" \n\n", "it is empty, {}; name a CSV"),
    "only a head": ("path,label\n", "there is nothing in it but its head, {}; name a CSV"),
    "other columns": ("a,b\n1,2\n", "it is no truth of a kind that we know, {}; name a CSV"),
    "no text": ("\x89PNG\0\0", "it is no text, {}; name a CSV"),
    "a path alone": ("path\na.jpg\n", "it says nothing of its pictures, {}; name a CSV"),
    "two kinds": ("path,label,caption\na,b,c\n", ("it has columns for captions and for labels, "
                  "'caption' and 'label', in {}, line 1; remove one of the two")),
    "two labels": ("path,label\na.jpg,x\nb.jpg,x\n./a.jpg,y\n", ("it has two labels, 'x' and 'y': "
                   "{folder}/a.jpg, in {}, line 2 and line 4; keep one")),
    "two splits": ("image,caption,split\na,x,train\na,y,test\n", ("it has two splits, 'train' and "
                   "'test': {folder}/a, in {}, line 2 and line 3; keep one")),
    "two grades": ("query,path,grade\ndog,a,1\ndog,a,2\n", ("it has two grades, 1.0 and 2.0: "
                   "{folder}/a, for 'dog', in {}, line 2 and line 3; keep one")),
    "no label": ("path,label\na,x\nb, \n", "there is no label, in {}, line 3; write one"),
    "no path": ("path,label\n ,x\n", "there is no path of a picture, in {}, line 2; write one"),
    "grade": ("query,path,grade\nx,a,nan\n", "the grade 'nan' is no number, in {}, line 2; write"),
    "cells": ('image,caption\na,"x\ny"\nb,One, two\n', ("there are 3 cells where the first line "
              "has 2, in {}, line 4; put what has the separator in it between double quotes")),
    "open quote": ('image,caption\na,x\nb,"y\nc,z\n', ("a quotation mark is not closed, or what is "
                   "after it is not separated (unexpected end of data), in {}, line 3; mend the")),
    "flickr8k": ("a#0\tx\nb y\n", ("it is not a name, #, a number, a tab and a caption, as the "
                 "first line is, in {}, line 2; mend the line")),
    "damaged json": ('{"images": [\n{"id"', ("it is damaged JSON (Expecting ':' delimiter, column "
                     "6), in {}, line 2; fetch or write it anew")),
    "deep json": ("[" * 100_000, "it is damaged JSON ("),
    "other json": ("[1, 2]", "it is no truth of a kind that we know, {}; name a CSV"),
    "coco of boxes": (json.dumps(COCO | {"annotations": [{"image_id": 3, "bbox": []}]}), ("it is "
                      "COCO, but not of captions: an annotation has none, in {}, annotations[0]")),
    "coco without image": (json.dumps(COCO | {"annotations": [{"image_id": 9, "caption": "x"}]}),
                           "a caption is of image 9, which is not among the images, in {}"),
    "karpathy": ('{"images": [{"filename": "a"}]}', ("an image has no `filename`, `split` or "
                 "`sentences` with `raw`, in {}, images[0]; fetch or write it anew")),
    "json lines": ('{"path": "a", "label": "x"}\n{"path"\n', "it is no JSON object, in {}, line 2"),
    "json lines, no path": ('{"path": 1, "label": "x"}', "'path' is no path, nor a list of them"),
    "half a character": ('{"path": "\\ud800", "label": "x"}', "it is no path, in {}, line 1"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_one_line(text: str, message: str, tmp_path: Path) -> None:
    place = tmp_path / "truth"
    place.write_bytes(text.encode())
    with pytest.raises(SourceError) as caught:
        read(place)
    told = str(caught.value)
    assert told.startswith(message.replace("{folder}", str(tmp_path)).replace("{}", str(place)))
    assert "\n" not in told


def test_what_is_not_there(tmp_path: Path) -> None:
    place = made(tmp_path, "t.csv") / "t.csv"
    place.write_text("path,label,split\na,x,train\nb,x,\n")

    def told(**of: object) -> str:
        with pytest.raises(UsageError) as caught:
            read(**{"place": place} | of)  # type: ignore[arg-type]  # the cases are of several types
        return str(caught.value)

    assert told(place=tmp_path / "gone").startswith(f"it is not there, {tmp_path}/gone; name a CSV")
    assert told(split="test") == f"there is no split 'test', in {place}; there are: train"
    assert told(images=place).startswith(f"it is no folder, {place}; name the one")
    place.write_text("path,label\na,x\n")
    assert told(split="test").startswith(f"it has no splits, {place}; leave out --split, or")


def test_folders_without_classes(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^no pictures, in "):
        read(tmp_path)
    with pytest.raises(SourceError, match=r"^there are no class folders with pictures, in "):
        read(made(tmp_path, "a.jpg"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everyone may read all there")
def test_no_permission(tmp_path: Path) -> None:
    place = made(tmp_path, "folder/t.csv") / "folder" / "t.csv"
    for locked in (place, place.parent):
        locked.chmod(0)
        with pytest.raises(VsearchError, match="Permission denied"):
            read(locked)
        locked.chmod(0o700)
