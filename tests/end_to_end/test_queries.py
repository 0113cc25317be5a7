"""`vsearch search`: what a query can be made of. Whole outputs, by the real command."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, Run, environment

DOG = b"IMG_0034.png\nIMG_0013.jpg\n"


def asked(vsearch: Run, index: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Return the two best paths, which is all that is printed."""
    done = vsearch(
        "search", *arguments, "--index", index, "--paths", "-k", "2", cwd=PHOTOS, stdin=stdin
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def refused(vsearch: Run, index: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Return the one line on stderr of a command that exits with 2."""
    done = vsearch("search", *arguments, "--index", index, cwd=PHOTOS, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"vsearch: ")
    assert done.stderr.count(b"\n") == 1
    return done.stderr.decode().removeprefix("vsearch: ").removesuffix("\n")


@pytest.mark.parametrize("name", ["IMG_0010.jpg", "IMG_0003.heic", "IMG_0011.avif", "IMG_0034.png"])
def test_a_picture_on_standard_input(vsearch: Run, photos_index: Path, name: str) -> None:
    data = (PHOTOS / name).read_bytes()
    found = asked(vsearch, photos_index, "-", stdin=data).splitlines()
    assert found[0] == name.encode()  # nobody says that it is this file
    assert found[1] == asked(vsearch, photos_index, name).splitlines()[0]


def test_words_on_standard_input(vsearch: Run, photos_index: Path) -> None:
    assert asked(vsearch, photos_index, "a dog") == DOG
    assert asked(vsearch, photos_index, "-", stdin=b"a dog") == DOG
    lines = b"2:a dog\n\nIMG_0010.jpg\n"
    blended = asked(vsearch, photos_index, "2:a dog", "IMG_0010.jpg")
    assert asked(vsearch, photos_index, "-", stdin=lines) == blended != DOG


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "nothing on standard input, for '-'; pipe a picture or lines of words in"),
        (
            b"\x00\x01\x02",
            "neither a picture nor text, on standard input; convert it to a common format",
        ),
        (
            b"x" * (2 << 20),
            "more than 1,048,576 bytes of text on standard input, for '-'; name a smaller one",
        ),
    ],
    ids=["nothing", "neither", "too much"],
)
def test_standard_input_that_is_no_query(
    vsearch: Run, photos_index: Path, stdin: bytes, said: str
) -> None:
    assert refused(vsearch, photos_index, "-", stdin=stdin) == said


def test_a_picture_cut_short_on_standard_input(vsearch: Run, photos_index: Path) -> None:
    data = (PHOTOS / "IMG_0034.png").read_bytes()[:20_000]
    said = refused(vsearch, photos_index, "-", stdin=data)
    assert said.startswith("the query picture cannot be used (damaged image: PNG: ")
    assert said.endswith("), at '-'; choose another")


def test_a_person_at_a_terminal_is_told_what_is_waited_for(
    photos_index: Path, tmp_path: Path
) -> None:
    master, slave = pty.openpty()
    command = ["search", "-", "--index", os.fspath(photos_index), "--paths", "-k", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "vsearch", *command],
        cwd=PHOTOS,
        env=environment(tmp_path),
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(slave)
        assert process.stderr
        assert process.stderr.readline().decode() == (
            "vsearch: reading words from this terminal, a term a line; end with Ctrl-D\n"
        )
        os.write(master, b"a dog\n\x04")
        time.sleep(0.1)
        os.write(master, b"\x04")  # the first may have ended only the line
        stdout, stderr = process.communicate(timeout=60)
    os.close(master)
    assert (process.returncode, stdout, stderr) == (0, DOG, b"")


def test_words_that_are_a_file_too(vsearch: Run, photos_index: Path) -> None:
    assert asked(vsearch, photos_index, "text:a dog") == DOG
    assert asked(vsearch, photos_index, "image:IMG_0010.jpg").startswith(b"IMG_0010_q30.jpg")
    assert b"IMG_0010_q30.jpg" not in asked(vsearch, photos_index, "text:IMG_0010.jpg")
    assert refused(vsearch, photos_index, "image:dog") == (
        "no such picture, named 'dog'; check the path"
    )


def test_a_part_of_a_picture(vsearch: Run, photos_index: Path, tmp_path: Path) -> None:
    done = vsearch(
        "search", "IMG_0010.jpg", "--crop", "10%,20%,50%,60%", "--explain", "--index", photos_index,
        "--json", cwd=PHOTOS,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.startswith(
        b"term: picture 'IMG_0010.jpg', the part 10%,20%,50%,60%, weight 1\n"
    )
    assert (
        done.stdout
        != vsearch("search", "IMG_0010.jpg", "--json", "--index", photos_index, cwd=PHOTOS).stdout
    )
    assert refused(vsearch, photos_index, "IMG_0010.jpg", "--crop", "400,0,52,10") == (
        "the part 400,0,52,10 reaches beyond the picture of 451 x 300 pixels, at 'IMG_0010.jpg'; "
        "choose one inside it"
    )
    assert refused(vsearch, photos_index, "a dog", "--crop", "0,0,1,1") == (
        "--crop is of one picture, and the query has none; name one, and others with --minus "
        "or in a query of their own"
    )


def test_a_picture_in_the_index_needs_no_model(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    """A module that imports neither onnxruntime nor Pillow, and finds no folder of a model."""
    spy = (
        "import sys; sys.argv = ['vsearch', *sys.argv[1:]]\n"
        "from vsearch.models import folder, installed\n"
        "def none(*_): raise AssertionError('a model was opened')\n"
        "folder.built_in = none; installed.Installed.by_identity = none\n"
        "from vsearch.cli.main import run\n"
        "code = run(); assert not {'onnxruntime', 'PIL'} & sys.modules.keys()\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", spy, "search", "--like", "IMG_0010.jpg", "--json"],
        cwd=PHOTOS,
        env=environment(tmp_path) | {"VSEARCH_INDEX": os.fspath(photos_index)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    embedded = vsearch("search", "IMG_0010.jpg", "--json", "--index", photos_index, cwd=PHOTOS)
    assert done.stdout == embedded.stdout
    assert refused(vsearch, photos_index, "--like", "no\nsuch.jpg") == (
        "no such picture in the index, named 'no\\nsuch.jpg'; name it as a term to embed it, "
        "or `vsearch index` its folder"
    )


def test_nothing_to_look_for(vsearch: Run, photos_index: Path) -> None:
    said = 'nothing to look for; name it: `vsearch search "a dog"`'
    assert refused(vsearch, photos_index) == said
    assert refused(vsearch, photos_index, "--minus", "a dog") == said
