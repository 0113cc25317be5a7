"""`vsearch export` and `vsearch import`: the commands, their lines and exit codes."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from end_to_end.command import PHOTOS, Run, environment
from made_indexes import content


@pytest.mark.parametrize("name", ["out.parquet", "out"])
def test_an_export_is_imported_and_answers_the_same(
    vsearch: Run, photos_index: Path, tmp_path: Path, name: str
) -> None:
    done = vsearch("export", tmp_path / name, "--index", photos_index)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode().startswith(f"48 pictures written to {tmp_path / name}, ")
    assert done.stderr.count(b"\n") == 1
    again = tmp_path / "again"
    done = vsearch("import", tmp_path / name, "--index", again)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"48 pictures taken in; 48 pictures in the index\n"
    assert content(again) == content(photos_index)
    for query in (["a dog"], ["IMG_0010.jpg"], ["castle", "--minus", "snow"]):
        answers = [
            vsearch("search", *query, "--index", index, "--json", cwd=PHOTOS).stdout
            for index in (photos_index, again)
        ]
        assert answers[0] == answers[1] != b""
    done = vsearch("index", "--index", again)
    assert done.returncode == 0
    assert done.stderr.startswith(b"0 embedded, 48 unchanged in ")


def test_an_import_leaves_what_the_index_knows_as_it_is(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    assert vsearch("export", tmp_path / "out", "--index", photos_index).returncode == 0
    photos, index = shutil.copytree(PHOTOS, tmp_path / "photos"), tmp_path / "index"
    assert vsearch("index", photos, "--index", index).returncode == 0
    assert vsearch("export", tmp_path / "old.parquet", "--index", index).returncode == 0
    shutil.copy(photos / "IMG_0002.jpg", photos / "IMG_0001.jpg")
    assert vsearch("index", "--index", index).returncode == 0
    before = content(index)
    done = vsearch("import", tmp_path / "old.parquet", "--index", index)
    assert (done.returncode, done.stderr) == (
        0, b"0 pictures taken in, 48 known and left as they are; 48 pictures in the index\n",
    )  # fmt: skip
    assert content(index) == before
    assert before[str(photos), "IMG_0001.jpg"][2:] == before[str(photos), "IMG_0002.jpg"][2:]
    done = vsearch("import", tmp_path / "out", "--index", index, "--dry-run")
    assert done.stderr == b"48 pictures would be taken in; 48 pictures in the index now\n"


def test_a_dry_run_says_what_would_be_done(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    assert vsearch("export", tmp_path / "out", "--index", photos_index).returncode == 0
    done = vsearch("import", tmp_path / "out", "--index", tmp_path / "new", "--dry-run")
    assert done.returncode == 0
    assert done.stderr == b"48 pictures would be taken in; 0 pictures in the index now\n"
    assert not (tmp_path / "new").exists()


def test_the_format_may_be_asked_for(vsearch: Run, photos_index: Path, tmp_path: Path) -> None:
    asked: list[str | Path] = ["--index", photos_index, "--format"]
    assert vsearch("export", tmp_path / "a", *asked, "parquet").returncode == 0
    assert pq.read_table(tmp_path / "a").num_rows == 48
    assert vsearch("export", tmp_path / "b.parquet", *asked, "npy").returncode == 0
    assert np.load(tmp_path / "b.parquet" / "vectors.npy").shape == (48, 384)


def test_an_earlier_export_is_kept_unless_forced(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    for name in ("out.parquet", "out"):
        run: list[str | Path] = ["export", tmp_path / name, "--index", photos_index]
        assert vsearch(*run).returncode == 0
        done = vsearch(*run)
        assert done.returncode == 2
        assert done.stderr.decode() == (
            f"vsearch: there is an export already, at {tmp_path / name}; "
            "name another, or add --force\n"
        )
        assert vsearch(*run, "--force").returncode == 0


def test_what_is_no_export_is_kept_even_if_forced(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    index = shutil.copytree(photos_index, tmp_path / "index")
    shutil.copytree(PHOTOS, tmp_path / "photos")
    (tmp_path / "diary.txt").write_text("mine")
    shutil.copy(PHOTOS / "IMG_0001.jpg", tmp_path / "photo.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")

    def there() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    assert vsearch("status", "--index", index).returncode == 0  # a reader leaves files of its own
    before = there()
    targets = ["photos", "diary.txt", "photo.parquet", "other.parquet", "model", "index"]
    for target in [*targets, "index/catalog.sqlite"]:
        for form in ("parquet", "npy"):
            done = vsearch(
                "export", tmp_path / target, "--format", form, "--force", "--index", index
            )
            assert done.returncode == 2
            said = f"what is there already is no export of that format, at {tmp_path / target}"
            if target.startswith("index"):
                said = f"{str(tmp_path / target)!r} lies in an index, {index}, which is to hold"
            assert done.stderr.decode().startswith(f"vsearch: {said}")
            assert done.stderr.endswith(b"; name another place\n")
    assert there() == before


DYING = """
import os, signal, sys
import vsearch.interchange.transfer as transfer
batches = transfer._batches
def dying(*arguments):
    for batch in batches(*arguments):
        yield batch
        os.kill(os.getpid(), signal.SIGKILL)
transfer._batches = dying
from vsearch.cli.main import main
main()
"""


@pytest.mark.parametrize("name", ["out.parquet", "out"])
def test_killed_in_the_middle_it_leaves_nothing_under_the_name(
    vsearch: Run, photos_index: Path, tmp_path: Path, name: str
) -> None:
    run: list[str | Path] = ["export", tmp_path / name, "--index", photos_index]
    done = subprocess.run(
        [sys.executable, "-c", DYING, *run],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not os.path.lexists(tmp_path / name)
    assert vsearch(*run).returncode == 0


@pytest.mark.parametrize("name", ["out.parquet", "out"])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    vsearch: Run, photos_index: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "where").mkdir()
    done = vsearch(
        "export", tmp_path / "where" / name, "--index", photos_index,
        preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"vsearch: File too large, at {tmp_path / 'where' / name}; "
        "check the disk and where the output goes\n"
    )
    assert os.listdir(tmp_path / "where") == []


def test_a_disk_that_is_full_while_importing_is_one_line(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    assert vsearch("export", tmp_path / "out", "--index", photos_index).returncode == 0
    done = vsearch(
        "import", tmp_path / "out", "--index", tmp_path / "new",
        preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(b"vsearch: ")
    assert done.stderr.count(b"\n") == 1
    assert vsearch("import", tmp_path / "out", "--index", tmp_path / "new").returncode == 0
    assert content(tmp_path / "new") == content(photos_index)


def drop_privileges() -> None:
    """Take from root what lets it pass over file permissions."""
    pr_capbset_drop = 24
    for capability in (1, 2):  # DAC_OVERRIDE, DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(pr_capbset_drop, capability, 0, 0, 0)


@pytest.mark.parametrize("name", ["out.parquet", "out"])
def test_a_source_that_may_not_be_read_is_one_line(
    vsearch: Run, photos_index: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / name
    assert vsearch("export", target, "--index", photos_index).returncode == 0
    (target if target.is_file() else target / "metadata.jsonl").chmod(0)
    done = vsearch("import", target, "--index", tmp_path / "new", preexec=drop_privileges)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"vsearch: this cannot be imported (Permission denied), from {target}; "
        "check the permissions and the disk\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "out", "--index", "none"], "there is no index, in "),
        (["export", "none/out.parquet"], "No such file or directory, at none/out.parquet; check"),
        (["export", "none/out"], "No such file or directory, at none/out; check"),
        (["export", "."], "what is there already is no export of that format, at .; name another"),
        (["import", "none"], "no such file or folder, named 'none'; check the name"),
        (["import", "."], "nothing that can be imported, at .; name a .parquet file"),
        (["import", "other.parquet"], "this cannot be imported (the column root is missing), fr"),
        (["import", "text"], "this cannot be imported (Parquet magic bytes not found in footer"),
        (["import", "bad", "--model", "mini"], "this cannot be imported (row 0, counted from 0: p"),
        (["import", "bad"], "the source does not say by which model its embeddings are; name it"),
        (["import", "bad", "--model", "fast"], "no such model on this machine, named 'ViT-B-32-2"),
        (["import", "bad", "--model", "no such"], "no such model, named 'no such'; see "),
        (["import", "bad", "--root", "."], "it has roots of its own and takes no --root, 'bad';"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    vsearch: Run, photos_index: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text").write_text("this is no table at all")
    bad = tmp_path / "bad"
    bad.mkdir()
    np.save(bad / "vectors.npy", np.eye(1, 384, dtype=np.float32))
    line = {
        "root": "/", "path": "../\x1b[2J", "hash": "0" * 32, "size": 1, "mtime_ns": 1, "width": 1,
        "height": 1, "format": "PNG", "taken_at": None, "camera": None,
    }  # fmt: skip
    (bad / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    environ = {"VSEARCH_INDEX": str(photos_index if arguments[0] == "export" else tmp_path / "new")}
    done = vsearch(*arguments, cwd=tmp_path, environ=environ)
    said = done.stderr.decode()
    assert said.startswith(f"vsearch: {message}")
    assert (done.returncode, done.stdout, said.count("\n")) == (2, b"", 1)
    assert not (tmp_path / "new").exists()


def test_an_index_of_another_model_is_left_alone(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    assert vsearch("export", out, "--index", photos_index).returncode == 0
    model = json.loads((out / "model.json").read_text())
    model["model"] |= {"name": "another", "weights": "0"}
    shutil.copytree(out, other)
    (other / "model.json").write_text(json.dumps(model))
    before = content(photos_index)
    done = vsearch("import", other, "--index", photos_index)
    assert done.returncode == 2
    assert done.stderr.startswith(b"vsearch: the index answers with the model 'mini', the embedd")
    assert content(photos_index) == before


def test_clip_retrievals_folder_is_imported(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    assert vsearch("export", tmp_path / "out.parquet", "--index", photos_index).returncode == 0
    table = pq.read_table(tmp_path / "out.parquet")
    vectors = np.stack(table["embedding"].to_numpy()).astype(np.float16)
    paths = [f"photos/{path}" for path in table["path"].to_pylist()]
    shutil.copytree(PHOTOS, tmp_path / "photos")
    (tmp_path / "photos" / "IMG_0001.jpg").unlink()
    (tmp_path / "photos" / "IMG_0002.jpg").write_text("no picture")
    for name in ("img_emb", "metadata"):
        (tmp_path / "clip" / name).mkdir(parents=True)
    for number, (first, last) in enumerate([(0, 20), (20, 48)]):
        np.save(tmp_path / f"clip/img_emb/img_emb_{number}.npy", vectors[first:last])
        part = pa.table({"image_path": paths[first:last], "caption": ["x"] * (last - first)})
        pq.write_table(part, tmp_path / f"clip/metadata/metadata_{number}.parquet")
    index = tmp_path / "index"
    done = vsearch("import", "clip", "--index", index, "--model", "mini", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == (
        b"skipped: photos/IMG_0001.jpg: not found\n"
        b"skipped: photos/IMG_0002.jpg: not an image\n"
        b"46 pictures taken in, 2 skipped; 46 pictures in the index\n"
    )
    done = vsearch("search", "a dog", "--index", index, "--paths", "-k", "1", cwd=tmp_path)
    assert done.stdout == b"photos/IMG_0013.jpg\n"
    made = {path: found[3] for (_, path), found in content(index).items()}
    expected = {path: found[3] for (_, path), found in content(photos_index).items()}
    assert made.items() <= expected.items()  # the facts are those that indexing finds
