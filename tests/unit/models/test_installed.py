"""`Installed`: which models are here, and how they come and go, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from vsearch.errors import ModelError, UsageError
from vsearch.models import installed as module
from vsearch.models.conversion.convert import remains
from vsearch.models.folder import ModelFolder, built_in
from vsearch.models.installed import Installed
from vsearch.models.zoo.names import parse

NAME = "hf-hub:org/one"
FILES = {"image.onnx": b"image" * 1000, "text.onnx": b"text" * 1000, "tokenizer.json": b"{}"}


def card(name: Any = NAME, files: dict[str, bytes] = FILES, **more: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "name": name,
        "dim": 7,
        "weights": "1" * 64,
        "image": {
            "size": 32,
            "resize": "shortest",
            "interpolation": "bilinear",
            "mean": [0.1, 0.2, 0.3],
            "std": [0.4, 0.5, 0.6],
        },
        "text": {"context_length": 16, "pad_id": 9},
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "bytes": {name: len(content) for name, content in files.items()},
        **more,
    }


def model(place: Path, content: dict[str, Any], files: dict[str, bytes] = FILES) -> Path:
    """Write a model folder and return it."""
    place.mkdir(parents=True)
    (place / "model.json").write_text(json.dumps(content))
    for name, data in files.items():
        (place / name).write_bytes(data)
    return place


def packed(
    file: Path,
    content: dict[str, Any],
    files: dict[str, bytes] = FILES,
    method: int = zipfile.ZIP_STORED,
) -> Path:
    """Write what `export` would, with whatever is wrong in it."""
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("model.json", json.dumps(content))
        for name, data in files.items():
            archive.writestr(name, data)
    return file


@pytest.fixture
def here(tmp_path: Path) -> Installed:
    return Installed(tmp_path / "models")


def install(here: Installed, name: str = NAME, **more: Any) -> ModelFolder:
    model(here.place(name), card(name, **more))
    found = here.by_name(name)
    assert found is not None
    return found


def names(here: Installed) -> list[str]:
    return [folder.identity.name for folder in here.all()]


def left(here: Installed) -> list[str]:
    return sorted(os.listdir(here.location)) if here.location.exists() else []


# Which are here


def test_the_built_in_model_is_here_and_comes_first(here: Installed) -> None:
    assert names(here) == ["mini"]
    others = [f"hf-hub:org/{letter}" for letter in "gbhdafce"]
    for name in others:
        install(here, name)
    assert names(here) == ["mini", *sorted(others)]
    assert here.by_name("mini") == built_in()
    assert here.by_name(NAME) is None


def test_remains_and_damaged_models_do_not_stand_in_the_way_of_others(here: Installed) -> None:
    install(here)
    (here.location / "empty").mkdir()
    (here.location / "a file").write_text("")
    model(here.location / ".importing-x", card("hf-hub:org/half"))
    model(here.place("hf-hub:org/odd"), {"format": 1})
    assert names(here) == ["mini", NAME]
    with pytest.raises(ModelError, match="json cannot be used"):
        here.by_name("hf-hub:org/odd")


def test_an_index_is_answered_by_the_model_of_its_name(here: Installed) -> None:
    for precision in ("@fp16", "@fp32", "@int8"):
        install(here, NAME + precision)
    made_with = install(here, NAME).identity
    for precision in ("", "@fp16", "@fp32", "@int8"):
        folder = here.by_name(NAME + precision)
        assert folder is not None
        assert here.by_identity(folder.identity).identity.name == NAME + precision
    here.remove(NAME)
    assert here.by_identity(made_with).identity.name == f"{NAME}@fp16"  # the same weights


def test_an_index_is_answered_by_the_same_weights_whatever_they_are_called(
    here: Installed,
) -> None:
    made_with = install(here, f"{NAME}@fp32").identity
    here.remove(f"{NAME}@fp32")
    install(here, f"{NAME}@int8", weights="2" * 64)
    install(here, "hf-hub:a/a", image={**card()["image"], "size": 64})
    with pytest.raises(ModelError) as caught:
        here.by_identity(made_with)
    assert str(caught.value) == (
        f"the model of this index is not on this machine, named '{NAME}@fp32'; "
        f"get it with `vsearch models get {NAME}@fp32`"
    )
    other = install(here, f"{NAME}@fp16")
    assert here.by_identity(made_with) == other


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "2" * 64},
        {"dim": 8},
        {"image": {**card()["image"], "mean": [0.1, 0.2, 0.4]}},
    ],
)
def test_other_weights_under_the_same_name_are_told_as_such(
    here: Installed, change: dict[str, Any]
) -> None:
    made_with = install(here).identity
    here.remove(NAME)
    install(here, **change)
    with pytest.raises(ModelError) as caught:
        here.by_identity(made_with)
    assert str(caught.value) == (
        f"the index was made with other weights than those here, of the model {NAME!r}; "
        f"make it anew with `vsearch index --model {NAME}`"
    )


def test_a_damaged_model_of_an_index_is_told_as_such(here: Installed) -> None:
    folder = install(here)
    (folder.path / "model.json").write_text("{")
    with pytest.raises(ModelError, match="json cannot be used"):
        here.by_identity(folder.identity)


# Removing


def test_removing_gives_the_bytes_and_leaves_the_others(here: Installed) -> None:
    folder = install(here)
    install(here, f"{NAME}@int8")
    size = sum(file.stat().st_size for file in folder.path.iterdir())
    assert here.remove(NAME) == size
    assert names(here) == ["mini", f"{NAME}@int8"]
    assert left(here) == [here.place(f"{NAME}@int8").name]


def test_what_cannot_be_removed_is_said(here: Installed) -> None:
    with pytest.raises(UsageError, match=f"no such model here, named '{NAME}'"):
        here.remove(NAME)
    with pytest.raises(UsageError, match="the built-in model comes with vsearch and stays"):
        here.remove("mini")
    assert names(here) == ["mini"]


def test_a_name_that_is_nearly_one_of_a_model_here_is_told_it(here: Installed) -> None:
    mine = install(here, "ViT-B-32/mine")
    assert here.require(parse("ViT-B-32/mine")).path == mine.path
    with pytest.raises(UsageError, match=r"no such model here.*; did you mean 'ViT-B-32/mine'"):
        here.remove("ViT-B-32/mien")
    with pytest.raises(UsageError, match=r"no such model, .*; did you mean 'ViT-B-32/mine' or"):
        here.require(parse("ViT-B-32/mien"))
    with pytest.raises(UsageError, match="get it with `vsearch models get RN50/openai`"):
        here.require(parse("RN50/openai"))


def test_what_an_interrupted_conversion_left_is_removed(here: Installed) -> None:
    here.location.mkdir()
    with remains(here.place(NAME)) as unfinished:
        unfinished.mkdir()
        (unfinished / "tower.onnx").write_bytes(b"x" * 1000)
    assert len(left(here)) == 2  # the remains, and what locks them
    assert here.remove(NAME) == 1000
    assert left(here) == []


def test_what_another_process_is_making_is_not_removed(here: Installed) -> None:
    install(here)
    with remains(here.place(NAME)) as unfinished:
        unfinished.mkdir()
        with pytest.raises(ModelError, match="another process is making this model"):
            here.remove(NAME)
        assert unfinished.is_dir()
        assert names(here) == ["mini", NAME]


def test_of_a_linked_model_the_link_is_removed(here: Installed, tmp_path: Path) -> None:
    elsewhere = model(tmp_path / "elsewhere", card())
    here.location.mkdir()
    here.place(NAME).symlink_to(elsewhere)
    assert names(here) == ["mini", NAME]
    assert here.remove(NAME) == 0
    assert left(here) == []
    assert (elsewhere / "image.onnx").is_file()


@pytest.mark.parametrize("damage", ["a byte", "a file gone", "the card", "the folder empty"])
def test_a_damaged_model_is_replaced_by_what_is_brought(
    here: Installed, tmp_path: Path, damage: str
) -> None:
    place = install(here).path
    assert here.is_sound(NAME)
    if damage == "a byte":
        (place / "text.onnx").write_bytes(b"Text" + FILES["text.onnx"][4:])
    elif damage == "a file gone":
        (place / "text.onnx").unlink()
    elif damage == "the card":
        (place / "model.json").write_text("{")
    else:
        shutil.rmtree(place)
        place.mkdir()
    assert not here.is_sound(NAME)
    folder = here.add(packed(tmp_path / "brought", card()))
    assert {name: folder.read(name) for name in FILES} == FILES
    assert left(here) == [place.name]


def test_nothing_half_removed_is_ever_found(
    here: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(here)
    install(here, f"{NAME}@int8")

    def killed(path: Path, **_: object) -> None:
        next(file for file in Path(path).rglob("image.onnx")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            here.remove(NAME)
    assert here.by_name(NAME) is None
    assert names(here) == ["mini", f"{NAME}@int8"]
    assert len(left(here)) == 2
    here.remove(f"{NAME}@int8")  # what the other left goes too
    assert left(here) == []


# Exporting


def test_what_is_exported_can_be_brought_in_elsewhere(here: Installed, tmp_path: Path) -> None:
    folder = install(here)
    here.export(folder, tmp_path / "one.model")
    elsewhere = Installed(tmp_path / "elsewhere")
    brought = elsewhere.add(tmp_path / "one.model")
    assert brought == elsewhere.by_name(NAME)
    assert brought.card == folder.card
    for name in ("model.json", *FILES):
        assert (brought.path / name).read_bytes() == (folder.path / name).read_bytes()
    assert left(elsewhere) == [elsewhere.place(NAME).name]


def test_a_file_that_is_there_is_not_written_over(here: Installed, tmp_path: Path) -> None:
    folder, file = install(here), tmp_path / "one.model"
    file.write_text("mine")
    with pytest.raises(UsageError, match=f"there is a file already, at {file}"):
        here.export(folder, file)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_damaged_model_is_not_exported(here: Installed, tmp_path: Path, damage: str) -> None:
    folder, target = install(here), tmp_path / "out" / "one.model"
    target.parent.mkdir()
    file = folder.path / "text.onnx"
    if damage == "missing":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[:-1] + (b"x" if damage == "changed" else b""))
    with pytest.raises(ModelError, match=f"the model is .*, at {file}"):
        here.export(folder, target)
    assert os.listdir(target.parent) == []


def test_files_from_before_1980_are_exported(here: Installed, tmp_path: Path) -> None:
    """As those of a package whose build leaves no trace of its time."""
    folder = install(here)
    for file in folder.path.iterdir():
        os.utime(file, (0, 0))
    here.export(folder, tmp_path / "one.model")
    assert Installed(tmp_path / "elsewhere").add(tmp_path / "one.model").card == folder.card


FULL = """
import resource, signal, sys
from pathlib import Path
from vsearch.models.installed import Installed
from vsearch.models.zoo.names import parse
here, what, file = Installed(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3])
folder = here.by_name("hf-hub:org/one")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    here.export(folder, file) if what == "export" else here.add(file)
    print("done")
except OSError as error:
    print("errno", error.errno)
"""


def on_a_small_disk(here: Installed, what: str, file: Path, limit: int) -> str:
    """Do it where no file may be longer than `limit`, the nearest thing to a full disk."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, here.location, what, file, str(limit)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("room", [0.0, 0.5, 0.9999])  # for nothing, for half, for all but a byte
def test_a_full_disk_leaves_nothing_of_an_export(
    here: Installed, tmp_path: Path, room: float
) -> None:
    here.export(install(here), tmp_path / "whole")
    limit = int(room * (tmp_path / "whole").stat().st_size)
    target = tmp_path / "out" / "one.model"
    target.parent.mkdir()
    assert on_a_small_disk(here, "export", target, limit) == f"errno {errno.EFBIG}"
    assert os.listdir(target.parent) == []
    assert on_a_small_disk(here, "export", target, 1_000_000) == "done"
    assert os.listdir(target.parent) == ["one.model"]


# Taking in


def refused(here: Installed, source: Path) -> str:
    """Return the line that says why `source` is not taken in, sure that nothing of it stays."""
    before = left(here)
    with pytest.raises(ModelError) as caught:
        here.add(source)
    assert left(here) == before
    line = str(caught.value)
    assert "\n" not in line
    assert str(source) in line
    assert ".importing-" not in line
    return line


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_model_is_taken_in(here: Installed, tmp_path: Path, kind: str) -> None:
    source = tmp_path / "brought"
    (packed if kind == "file" else model)(source, card())
    folder = here.add(source)
    assert folder.identity.name == NAME
    assert names(here) == ["mini", NAME]
    assert sorted(os.listdir(folder.path)) == sorted(["model.json", *FILES])
    folder.verify(*FILES)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_only_what_the_card_names_is_taken_in(here: Installed, tmp_path: Path, kind: str) -> None:
    source, more = tmp_path / "brought", {**FILES, "more.bin": b"x"}
    (packed if kind == "file" else model)(source, card(), more)
    assert sorted(os.listdir(here.add(source).path)) == sorted(["model.json", *FILES])


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("name", ["../evil", "{tmp}/evil", ".evil", "below/evil", "..", ""])
def test_names_that_lead_out_of_the_folder_are_refused(
    here: Installed, tmp_path: Path, kind: str, name: str
) -> None:
    name = name.format(tmp=tmp_path)
    evil = {**FILES, name: b"evil"}
    source = tmp_path / "deep" / "brought"
    source.parent.mkdir()
    if kind == "file":
        packed(source, card(files=evil), evil if name else FILES)  # zip has no empty names
    else:
        model(source, card(files=evil))
        (tmp_path / "deep" / "evil").write_bytes(b"evil")
        (source / "below").mkdir()
        (source / "below" / "evil").write_bytes(b"evil")
        (source / ".evil").write_bytes(b"evil")
    refused(here, source)
    assert not list(here.location.rglob("*evil"))
    assert not (tmp_path / "evil").exists()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return what lay in the work folder when it was removed: name -> bytes."""
    found: dict[str, int] = {}
    remove = shutil.rmtree

    def seen(path: Path, **more: Any) -> None:
        found.update({file.name: file.stat().st_size for file in Path(path).rglob("*")})
        remove(path, **more)

    monkeypatch.setattr(shutil, "rmtree", seen)
    return found


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_file_longer_than_announced_is_refused_before_it_fills_the_disk(
    here: Installed, tmp_path: Path, kind: str, written: dict[str, int]
) -> None:
    long = {**FILES, "text.onnx": bytes(5_000_000)}
    announced = card(files=long)
    announced["bytes"]["text.onnx"] = 10
    (packed if kind == "file" else model)(tmp_path / "brought", announced, long)
    assert "text.onnx is longer than announced" in refused(here, tmp_path / "brought")
    assert written["text.onnx"] <= 10


def test_a_file_that_would_swell_is_refused(
    here: Installed, tmp_path: Path, written: dict[str, int]
) -> None:
    bomb = {**FILES, "text.onnx": bytes(50_000_000)}
    packed(tmp_path / "brought", card(files=bomb), bomb, zipfile.ZIP_DEFLATED)
    assert "is compressed" in refused(here, tmp_path / "brought")
    assert sum(written.values()) == 0


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_endless_card_is_refused(
    here: Installed, tmp_path: Path, kind: str, written: dict[str, int]
) -> None:
    (packed if kind == "file" else model)(tmp_path / "brought", card(more="x" * 5_000_000))
    assert "model.json is too long" in refused(here, tmp_path / "brought")
    assert sum(written.values()) == 0


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"image.onnx": FILES["image.onnx"], "text.onnx": FILES["text.onnx"]}, "tokenizer.json"),
        ({**FILES, "text.onnx": FILES["text.onnx"][:-1]}, "text.onnx is shorter than announced"),
        ({**FILES, "text.onnx": FILES["text.onnx"][:-1] + b"x"}, "wrong digest of text.onnx"),
    ],
)
def test_what_is_not_as_the_card_says_is_refused(
    here: Installed, tmp_path: Path, kind: str, files: dict[str, bytes], message: str
) -> None:
    (packed if kind == "file" else model)(tmp_path / "brought", card(), files)
    line = refused(here, tmp_path / "brought")
    assert message in line
    assert line.endswith("; export it once more")


@pytest.mark.parametrize("size", [None, -1, "10", 1.5])
def test_a_card_that_announces_no_sizes_is_refused(
    here: Installed, tmp_path: Path, size: Any
) -> None:
    content = card()
    content["bytes"]["text.onnx"] = size
    packed(tmp_path / "brought", content)
    assert "bytes is {" in refused(here, tmp_path / "brought")
    del content["bytes"]["text.onnx"]
    packed(tmp_path / "brought", content)
    assert "does not say how long text.onnx is" in refused(here, tmp_path / "brought")
    del content["bytes"]
    packed(tmp_path / "brought", content)
    assert "does not say how long image.onnx is" in refused(here, tmp_path / "brought")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (7, "name is 7"), (None, "name is missing"), ("", "name is ''"), ("\x1b/x", r"'\x1b/x'"),
        ("balanced", "no model can be named 'balanced'"), ("two words", "no model can be named"),
        ("hf-hub:../x", "no model can be named"), ("hf-hub:org/one@fp64", "no model can be named"),
    ],
)  # fmt: skip
def test_a_model_that_nobody_could_name_is_refused(
    here: Installed, tmp_path: Path, name: Any, said: str
) -> None:
    packed(tmp_path / "brought", card(name))
    assert said in refused(here, tmp_path / "brought")


def test_a_model_for_a_newer_vsearch_is_told_as_such(here: Installed, tmp_path: Path) -> None:
    packed(tmp_path / "brought", card(format=2))
    line = refused(here, tmp_path / "brought")
    assert line.endswith(f"in {tmp_path / 'brought'}; this vsearch reads 1: update vsearch")


def test_a_source_that_is_not_there_is_said(here: Installed, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file, named"):
        here.add(tmp_path / "none.model")
    assert left(here) == []


def test_an_archive_with_any_byte_changed_is_refused_or_the_same(
    here: Installed, tmp_path: Path
) -> None:
    """Bytes of zip's that say nothing of the content, as the time of a file, may differ."""
    files = {"image.onnx": b"image", "text.onnx": b"text"}
    whole = packed(tmp_path / "whole", card(files=files), files).read_bytes()
    source, draw = tmp_path / "brought", random.Random(0)
    outcomes = set()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << draw.randrange(8)
        source.write_bytes(content)
        try:
            folder = here.add(source)
        except (ModelError, OSError):
            outcomes.add("refused")
        else:
            assert {name: folder.read(name) for name in files} == files
            here.remove(folder.identity.name)
            outcomes.add("taken in")
        assert left(here) == []
    assert outcomes == {"refused", "taken in"}


def test_a_wrong_checksum_is_refused(here: Installed, tmp_path: Path) -> None:
    """Its digest is right: it would be taken in, and be refused each time it is used."""
    packed(tmp_path / "brought", card(xxh3_128={"text.onnx": "0" * 32}))
    assert "wrong digest" in refused(here, tmp_path / "brought")


def test_models_are_removed_by_several_at_once(here: Installed) -> None:
    several = [f"hf-hub:org/{number}" for number in range(40)]
    for name in several:
        install(here, name)
    with ThreadPoolExecutor(4) as pool:
        assert all(freed > 0 for freed in pool.map(here.remove, several))
    assert names(here) == ["mini"]


def test_an_encrypted_file_is_refused(here: Installed, tmp_path: Path) -> None:
    content = bytearray(packed(tmp_path / "brought", card()).read_bytes())
    with zipfile.ZipFile(tmp_path / "brought") as archive:
        local, central = archive.getinfo("text.onnx").header_offset, archive.start_dir
    entry = content.index(b"text.onnx", central) - 46
    content[local + 6] |= 1
    content[entry + 8] |= 1
    (tmp_path / "brought").write_bytes(content)
    assert "encrypted" in refused(here, tmp_path / "brought")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_model_that_is_here_is_not_replaced(
    here: Installed, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(here)
    other = {**FILES, "text.onnx": b"other"}
    (packed if kind == "file" else model)(tmp_path / "brought", card(files=other), other)

    def copied(*_: object) -> None:
        raise AssertionError("a model that is not wanted need not be copied first")

    monkeypatch.setattr(module, "_copy", copied)
    with pytest.raises(UsageError, match=f"here already, named '{NAME}'; remove it first"):
        here.add(tmp_path / "brought")
    folder.verify(*FILES)
    assert left(here) == [folder.path.name]
    with pytest.raises(UsageError, match="here already, named 'mini'"):
        here.add(built_in().path)


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_who_may_read_a_model_is_for_the_umask_to_say(
    here: Installed, tmp_path: Path, kind: str, mask: int
) -> None:
    source = (packed if kind == "file" else model)(tmp_path / "brought", card())
    for file in source.rglob("*"):
        file.chmod(0o600)
    before = os.umask(mask)
    try:
        folder = here.add(source)
        here.export(folder, tmp_path / "one.model")
    finally:
        os.umask(before)
    assert folder.path.stat().st_mode & 0o777 == 0o777 & ~mask
    for file in (*folder.path.iterdir(), tmp_path / "one.model"):
        assert file.stat().st_mode & 0o777 == 0o666 & ~mask


def test_an_interrupted_import_leaves_nothing(
    here: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    packed(tmp_path / "brought", card())
    monkeypatch.setattr(module, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        here.add(tmp_path / "brought")
    assert left(here) == []


def test_a_full_disk_leaves_nothing_of_an_import(here: Installed, tmp_path: Path) -> None:
    packed(tmp_path / "brought", card("hf-hub:org/two"))
    folder = install(here)
    told = on_a_small_disk(here, "import", tmp_path / "brought", 4500)
    assert told == f"errno {errno.EFBIG}"
    assert left(here) == [folder.path.name]


IMPORT = """
import sys, time
from pathlib import Path
from vsearch.errors import UsageError
from vsearch.models import installed

copy, flags, mine = installed._copy, Path(sys.argv[3]), sys.argv[4]

def together(*what):
    (flags / mine).touch()
    until = time.monotonic() + 30
    while len(list(flags.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.001)
    copy(*what)

installed._copy = together
try:
    print(installed.Installed(Path(sys.argv[1])).add(Path(sys.argv[2])).identity.name)
except UsageError as error:
    print("refused:", error)
"""


def test_of_two_that_import_the_same_model_at_once_one_is_told(
    here: Installed, tmp_path: Path
) -> None:
    """Each has begun to copy before the other is done: neither could see it here."""
    source, flags = packed(tmp_path / "brought", card()), tmp_path / "flags"
    flags.mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", IMPORT, here.location, source, flags, mine],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for mine in ("a", "b")
    ]  # fmt: skip
    answers = [process.communicate(timeout=60) for process in processes]
    assert [stderr for _, stderr in answers] == ["", ""]
    assert len(os.listdir(flags)) == 2
    won, told = sorted(stdout for stdout, _ in answers)
    assert won == f"{NAME}\n"
    assert told == (
        f"refused: a model of this name is here already, named {NAME!r}; "
        f"remove it first with `vsearch models remove {NAME}`\n"
    )
    assert left(here) == [here.place(NAME).name]
    here.by_identity(ModelFolder.open(here.place(NAME)).identity).verify(*FILES)
