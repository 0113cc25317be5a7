"""`vsearch search`: what a query can be made of. Whole outputs, by the real command."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest
from end_to_end.command import PHOTOS, Run, environment

DOG = b"IMG_0013.jpg\nIMG_0034.png\n"


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
            (
                "neither a picture nor lines of words, on standard input; look what it is, or "
                "convert it to a common format"
            ),
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
    """It answers where no model is to be had, and imports neither onnxruntime nor Pillow."""
    spy = (
        "import sys; sys.argv = ['vsearch', *sys.argv[1:]]\n"
        "from vsearch.errors import ModelError\n"
        "from vsearch.models import folder, installed\n"
        "def none(*_): raise ModelError('no model is here')\n"
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
    found, expected = (
        [(one["path"], one["score"]) for one in map(json.loads, stdout.splitlines())]
        for stdout in (done.stdout, embedded.stdout)
    )
    assert found == expected
    assert refused(vsearch, photos_index, "--like", "no\nsuch.jpg") == (
        "no such picture in the index, named 'no\\nsuch.jpg'; name it as a term to embed it, "
        "or `vsearch index` its folder"
    )


def test_nothing_to_look_for(vsearch: Run, photos_index: Path) -> None:
    said = 'nothing to look for; name it: `vsearch search "a dog"`'
    assert refused(vsearch, photos_index) == said
    with_names = vsearch("search", "--names", "1", "--index", photos_index)
    assert with_names.stderr.decode() == f"vsearch: {said}\n"


def test_only_what_it_should_be_unlike(vsearch: Run, photos_index: Path) -> None:
    """The least like it come first: the order of a search for it, turned round."""
    options = ["--paths", "-k", "99", "--index", photos_index]
    like, unlike = (
        vsearch("search", *terms, *options, cwd=PHOTOS).stdout.splitlines()
        for terms in (["a dog"], ["--minus", "a dog"])
    )
    assert len(unlike) > 40
    assert unlike == like[::-1]


def test_many_queries_are_answered_as_each_alone(vsearch: Run, photos_index: Path) -> None:
    queries = ["a dog", "2:text:a castle", "IMG_0010.jpg", "#1 flower", "Grüße aus dem Schnee"]
    options = ["--index", photos_index, "-k", "3", "--sort", "path", "--type", "jpeg", "--json"]
    done = vsearch(
        "search", "--queries", "-", *options, cwd=PHOTOS, stdin="\n\n".join(queries).encode()
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for number, query in enumerate(queries):
        alone = vsearch("search", query, *options, cwd=PHOTOS).stdout.splitlines()
        of_it = [dict(one) for one in found if one["query"] == query]
        assert {one.pop("line") for one in of_it} == {2 * number + 1}
        assert [one.pop("query") for one in of_it] == [query] * 3
        assert [{**one, "score": 0, "relevance": 0} for one in of_it] == [
            {**json.loads(line), "score": 0, "relevance": 0} for line in alone
        ]
        # A text is embedded beside longer ones: rounding is all that differs.
        assert [one["score"] for one in of_it] == pytest.approx(
            [json.loads(line)["score"] for line in alone], abs=1e-5
        )


@pytest.mark.parametrize(
    ("stdin", "options", "code", "lines", "said"),
    [
        pytest.param(b"a dog\n", [], 0, 2, "", id="all is well"),
        pytest.param(b"", [], 1, 0, "no query on any line", id="nothing"),
        pytest.param(b"\n \n", [], 1, 0, "no query on any line", id="blank"),
        pytest.param(
            b"a dog\nno.jpg\na cat", [], 3, 4,
            "line 2: no such picture, named 'no.jpg'; check the path, or put text: before words",
            id="one is wrong",
        ),
        pytest.param(
            b"\n0:dog\n", [], 2, 0,
            "line 2: a weight of zero says nothing, in '0:dog'; leave the term out", id="all are",
        ),
        pytest.param(
            b"a dog\na cat\n", ["--camera", "none"], 1, 0, "nothing found for 2 queries",
            id="none found",
        ),
        pytest.param(
            b"a dog\na cat\n", ["--camera", "none", "--quiet"], 1, 0, "", id="none, quietly",
        ),
        pytest.param(b"", ["--quiet"], 1, 0, "", id="nothing, quietly"),
        pytest.param(
            b"the\nan\n", ["--names", "0.5"], 0, 4,
            "line 1: no words in the query that names could have: they do not count",
            id="a note, once",
        ),
        pytest.param(b"the\n", ["--names", "0.5", "--quiet"], 0, 2, "", id="a note, quietly"),
        pytest.param(
            b"http://127.0.0.1:1/a.jpg\n", ["--offline"], 2, 0,
            "line 1: the network is not to be used, for 'http://127.0.0.1:1/a.jpg'; leave out "
            "--offline and unset VSEARCH_OFFLINE, or name a file", id="offline",
        ),
    ],
)  # fmt: skip
def test_many_queries_end_with_a_code(
    vsearch: Run,
    photos_index: Path,
    stdin: bytes,
    options: list[str],
    code: int,
    lines: int,
    said: str,
) -> None:
    done = vsearch(
        "search", "--queries", "-", "-k", "2", "--index", photos_index, *options, stdin=stdin
    )
    assert (done.returncode, done.stdout.count(b"\n")) == (code, lines)
    assert done.stderr.decode() == (f"vsearch: {said}\n" if said else "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--queries", "no\x1bsuch"],
            (
                "the queries cannot be read (No such file or directory), from 'no\\x1bsuch'; check "
                "the path, or name - for standard input"
            ),
        ),
        (
            ["--queries", "/proc/self/mem"],
            (
                "the queries cannot be read (Input/output error), from '/proc/self/mem'; check "
                "the path, or name - for standard input"
            ),
        ),
        (
            ["--queries", "."],
            (
                "the queries cannot be read (Is a directory), from '.'; check the path, or name "
                "- for standard input"
            ),
        ),
        (
            ["--queries", "-", "a dog"],
            "--queries has all the terms; leave the others out, and their options",
        ),
        (
            ["--queries", "-", "--minus", "a dog"],
            "--queries has all the terms; leave the others out, and their options",
        ),
        (
            ["--queries", "-", "-0"],
            "--queries answers in JSON Lines; leave other forms and ways out",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_queries_that_cannot_be(
    vsearch: Run, photos_index: Path, arguments: list[str], said: str
) -> None:
    assert refused(vsearch, photos_index, *arguments) == said


def test_a_program_writes_a_query_and_reads_its_answer(photos_index: Path, tmp_path: Path) -> None:
    command = ["search", "--queries", "-", "-k", "1", "--index", os.fspath(photos_index)]
    with subprocess.Popen(
        [sys.executable, "-m", "vsearch", *command],
        cwd=PHOTOS,
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        for query in (b"a dog", b"a castle"):
            process.stdin.write(query + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["query"] == query.decode()
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_pipe_that_is_closed_early_ends_it_quietly(photos_index: Path, tmp_path: Path) -> None:
    command = f"yes 'a dog' | {sys.executable} -m vsearch search --queries - -k 1 | head -n 2"
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment(tmp_path) | {"VSEARCH_INDEX": os.fspath(photos_index)},
        cwd=PHOTOS,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (0, b"", 2)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with two of the photographs, no index anywhere."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("IMG_0034.png", "IMG_0001.jpg"):
        (folder / name).write_bytes((PHOTOS / name).read_bytes())
    return folder


def test_one_command_from_a_folder_to_an_answer(vsearch: Run, album: Path) -> None:
    query = ["search", "a dog", "--update", "--paths", "-k", "1"]
    done = vsearch(*query, cwd=album)
    assert (done.returncode, done.stdout) == (0, b"IMG_0034.png\n")
    first, second = done.stderr.decode().splitlines()
    assert first == f"vsearch: no folder is indexed yet; indexing this one, {album}"
    assert re.fullmatch(r"2 embedded in \d+\.\d s; 2 pictures in the index", second)
    # From now on, all known folders are brought up to date, from wherever.
    (album / "IMG_0034.png").unlink()
    (album / "new.jpg").write_bytes((PHOTOS / "IMG_0013.jpg").read_bytes())
    done = vsearch(*query, cwd=album.parent)
    assert (done.returncode, done.stdout) == (0, b"album/new.jpg\n")
    assert done.stderr.startswith(b"1 embedded, 1 unchanged, 1 gone in ")


def test_an_update_says_errors_only_where_it_is_quiet(
    vsearch: Run, album: Path, tmp_path: Path
) -> None:
    query = ["search", "a dog", "--update", "--paths", "-k", "1", "--quiet"]
    done = vsearch(*query, cwd=album)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"IMG_0034.png\n", b"")
    index = tmp_path / "index"
    assert vsearch("index", album, "--index", index).returncode == 0
    with filelock.FileLock(index / "lock"):
        done = vsearch(*query, "--index", index, cwd=album)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"IMG_0034.png\n", b"")


def test_a_folder_that_is_new_is_indexed_first(vsearch: Run, album: Path) -> None:
    other = album.parent / "other"
    other.mkdir()
    (other / "dog.jpg").write_bytes((PHOTOS / "IMG_0013.jpg").read_bytes())
    assert vsearch("index", album).returncode == 0
    done = vsearch("search", "a dog", "--in", ".", "--update", "--paths", "-k", "9", cwd=other)
    assert (done.returncode, done.stdout) == (0, b"dog.jpg\n")
    assert done.stderr.startswith(b"1 embedded in ")
    assert vsearch("search", "a dog", "--paths").stdout.count(b"\n") == 3
    done = vsearch("search", "a dog", "--in", "none", "--update", cwd=other)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"vsearch: no such file or folder, named '{other}/none'; check the name\n"
    )


def test_nothing_is_indexed_for_a_query_that_is_none(vsearch: Run, album: Path) -> None:
    assert vsearch("search", "no.jpg", "--update", cwd=album).returncode == 2
    done = vsearch("status", cwd=album)
    assert done.stderr.startswith(b"vsearch: there is no index, in ")


def test_beside_a_writer_what_is_there_is_searched(
    vsearch: Run, album: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    assert vsearch("index", album, "--index", index).returncode == 0
    (album / "new.jpg").write_bytes((PHOTOS / "IMG_0013.jpg").read_bytes())
    with filelock.FileLock(index / "lock"):
        done = vsearch(
            "search", "a dog", "--update", "--paths", "-k", "1", "--index", index, cwd=album
        )
    assert (done.returncode, done.stdout) == (0, b"IMG_0034.png\n")
    assert done.stderr == (
        b"vsearch: another process is writing to the index; searching what is there\n"
    )


def test_many_queries_of_an_index_brought_up_to_date(vsearch: Run, album: Path) -> None:
    done = vsearch(
        "search", "--queries", "-", "--update", "-k", "1", cwd=album, stdin=b"a dog\na castle\n"
    )
    assert done.returncode == 0
    assert [os.path.basename(json.loads(line)["path"]) for line in done.stdout.splitlines()] == [
        "IMG_0034.png", "IMG_0001.jpg",
    ]  # fmt: skip


def test_names_count_where_they_are_asked_to(vsearch: Run, album: Path, tmp_path: Path) -> None:
    (album / "IMG_0001.jpg").rename(album / "myDogs.jpg")  # it shows a castle
    index = tmp_path / "index"
    assert vsearch("index", album, "--index", index).returncode == 0

    def found(*options: str) -> list[tuple[str, object]]:
        done = vsearch("search", "a dog", "--json", "--index", index, *options)
        assert (done.returncode, done.stderr) == (0, b"")
        return [
            (os.path.basename(one["path"]), one.get("names", "no"))
            for one in map(json.loads, done.stdout.splitlines())
        ]

    assert found() == [("IMG_0034.png", "no"), ("myDogs.jpg", "no")]
    assert found("--names", "0.2") == [("IMG_0034.png", 0), ("myDogs.jpg", 1)]
    assert found("--names", "0.9") == [("myDogs.jpg", 1), ("IMG_0034.png", 0)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--names", "1.5"], "out of range, 1.5 for --names; give a number from 0 to 1"),
        (["--names", "nan"], "out of range, nan for --names; give a number from 0 to 1"),
        (["--names", "-1"], "out of range, -1.0 for --names; give a number from 0 to 1"),
        (["--names", "1", "--graph"], "no graph knows names; leave --graph or --names out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_weights_of_names_that_are_none(
    vsearch: Run, photos_index: Path, arguments: list[str], said: str
) -> None:
    assert refused(vsearch, photos_index, "a dog", *arguments) == said


def test_a_picture_through_a_pipe_that_the_shell_names(photos_index: Path, tmp_path: Path) -> None:
    """As `<(...)` and as a FIFO of one's own; one that never ends is read to the limit."""
    run = f"{sys.executable} -m vsearch search -k 1 --paths"

    def shell(line: str) -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            ["bash", "-c", line],
            env=environment(tmp_path) | {"VSEARCH_INDEX": os.fspath(photos_index)},
            cwd=PHOTOS, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    found = (0, b"IMG_0034.png\n", b"")
    assert shell(f"{run} <(cat IMG_0034.png)") == found
    assert shell(f"cat IMG_0034.png > {fifo} & {run} {fifo}") == found
    assert shell(f"{run} --max-megapixels 1 <(yes)") == (
        2, b"",
        (b"vsearch: the query picture cannot be used (too large: more than 8,000,000 bytes; raise "
        b"the limit with --max-megapixels), at '/dev/fd/63'; choose another\n"),
    )  # fmt: skip


def test_a_pipe_that_nobody_writes_to_is_waited_for_until_ctrl_c(
    photos_index: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with (
        subprocess.Popen(
            [sys.executable, "-m", "vsearch", "search", fifo, "--index", photos_index],
            env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process,
        fifo.open("wb"),  # which waits for who reads
    ):  # fmt: skip
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, b"")
    assert b"Traceback" not in stderr


def test_queries_that_are_a_picture_are_one_line_and_exit_2(
    vsearch: Run, photos_index: Path
) -> None:
    done = vsearch("search", "--queries", PHOTOS / "IMG_0013.jpg", "--index", photos_index)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"vsearch: the queries are no text; ")
    assert done.stderr.count(b"\n") == 1
