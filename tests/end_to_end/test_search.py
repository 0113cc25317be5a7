"""`vsearch search` on the example photographs: whole outputs, in every form."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pictures_server as serving
import pytest
from end_to_end.command import PHOTOS, Run, environment
from fake_encoder import paint
from PIL import Image


def paths(stdout: bytes) -> list[str]:
    return stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["a dog"], ["IMG_0013.jpg", "IMG_0034.png"], id="words"),
        pytest.param(["IMG_0010.jpg"], ["IMG_0010_q30.jpg"], id="a picture, not itself"),
        pytest.param(["IMG_0003.heic"], ["IMG_0041.jpg"], id="heic"),
        pytest.param(["castle", "IMG_0036.jpg"], ["IMG_0001.jpg"], id="words + picture"),
    ],
)
def test_first_answers(
    vsearch: Run, photos_index: Path, arguments: list[str], expected: list[str]
) -> None:
    done = vsearch(
        "search",
        *arguments,
        "--index",
        photos_index,
        "--paths",
        "-k",
        str(len(expected)),
        cwd=PHOTOS,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert paths(done.stdout) == expected


def test_weights_move_the_answer(vsearch: Run, photos_index: Path) -> None:
    def first(*terms: str) -> str:
        done = vsearch("search", *terms, "--index", photos_index, "--paths", "-k", "1", cwd=PHOTOS)
        return paths(done.stdout)[0]

    assert first("9:a dog", "a castle") == first("a dog")
    assert first("a dog", "9:a castle") == first("a castle")
    assert first("an animal", "--minus", "a dog", "--minus", "a cat") not in (
        first("a dog"),
        first("a cat"),
    )


def test_forms_agree(vsearch: Run, photos_index: Path) -> None:
    query = ["search", "a red fire engine", "--index", photos_index, "-k", "3"]
    tab = vsearch(*query, cwd=PHOTOS)
    plain = vsearch(*query, "--paths", cwd=PHOTOS)
    nul = vsearch(*query, "-0", cwd=PHOTOS)
    lines = vsearch(*query, "--json", cwd=PHOTOS)
    listed = paths(plain.stdout)
    assert len(listed) == 3
    assert listed[0] == "IMG_0021.jpg"
    assert nul.stdout == b"".join(path.encode() + b"\0" for path in listed)
    objects = [json.loads(line) for line in lines.stdout.splitlines()]
    assert [set(entry) for entry in objects] == [
        {
            "rank", "path", "score", "relevance", "width", "height", "taken_at", "date",
            "region", "duplicates", "labels", "weak",
        }
    ] * 3  # fmt: skip
    assert [entry["path"] for entry in objects] == [str(PHOTOS / path) for path in listed]
    assert [entry["rank"] for entry in objects] == [1, 2, 3]
    assert tab.stdout.decode() == "".join(
        f"{entry['rank']}\t{entry['score']:.4f}\t{entry['relevance']:.3f}\t{path}\n"
        for entry, path in zip(objects, listed, strict=True)
    )


def test_only_what_is_relevant_enough(vsearch: Run, photos_index: Path) -> None:
    query = ["search", "a red fire engine", "--index", photos_index, "--json", "-k", "48"]
    every = vsearch(*query).stdout.splitlines(keepends=True)
    relevances = [json.loads(line)["relevance"] for line in every]
    assert relevances == sorted(relevances, reverse=True)
    assert [json.loads(line)["weak"] for line in every] == [one < 0.15 for one in relevances]
    some = vsearch(*query, "--min-relevance", "0.15")
    count = sum(one >= 0.15 for one in relevances)
    assert 1 <= count < 10
    assert (some.returncode, some.stdout, some.stderr) == (0, b"".join(every[:count]), b"")
    none = vsearch(*query, "--min-relevance", "1", "--sort", "path")
    assert (none.returncode, none.stdout) == (1, b"")
    assert none.stderr.decode() == (
        f"vsearch: nothing here matches; the most relevant picture has {relevances[0]:.3g}\n"
    )


@pytest.mark.parametrize("least", ["1.1", "-0.1", "nan", "much"])
def test_a_relevance_is_from_0_to_1(vsearch: Run, photos_index: Path, least: str) -> None:
    done = vsearch("search", "dog", "--index", photos_index, "--min-relevance", least)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--min-relevance" in done.stderr


def test_paths_are_shown_from_where_one_stands(vsearch: Run, photos_index: Path) -> None:
    query = ["search", "a rocket", "--index", photos_index, "--paths", "-k", "1"]
    assert vsearch(*query, cwd=PHOTOS).stdout == b"IMG_0025.jpg\n"
    assert vsearch(*query, cwd=PHOTOS.parent).stdout == b"photos/IMG_0025.jpg\n"
    assert vsearch(*query, cwd=Path("/")).stdout.decode() == (
        f"{os.path.relpath(PHOTOS, '/')}/IMG_0025.jpg\n"
    )


@pytest.mark.parametrize("way", ["--exact", "--graph"])
def test_exact_and_graph_agree(vsearch: Run, photos_index: Path, way: str) -> None:
    query = ["search", "a boat at sunset", "--index", photos_index, "-k", "48"]
    done = vsearch(*query, way, "--explain")
    assert done.returncode == 0
    assert done.stdout == vsearch(*query).stdout
    assert len(done.stdout.splitlines()) == 48
    assert f"search: {way[2:]}, asked for with {way} (".encode() in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["nothere.jpg"], "no such picture, named 'nothere.jpg'; check", id="missing"),
        pytest.param([" "], "an empty search term;", id="blank"),
        pytest.param(["0:dog"], "a weight of zero says nothing, in '0:dog';", id="zero"),
        pytest.param(["dog", "--minus", "dog"], "the terms cancel each other out;", id="cancel"),
        pytest.param(["captions.csv"], "the query picture cannot be used (not an image)", id="csv"),
        pytest.param(["dog", "--exact", "--graph"], "--exact and --graph exclude", id="both"),
        pytest.param(["dog", "--json", "-0"], "--json cannot go with", id="json nul"),
        pytest.param(["dog", "--index", "/nowhere"], "there is no index, in /nowhere;", id="none"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    vsearch: Run, photos_index: Path, arguments: list[str], message: str
) -> None:
    done = vsearch("search", *arguments, cwd=PHOTOS, environ={"VSEARCH_INDEX": str(photos_index)})
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().startswith(f"vsearch: {message}")
    assert done.stderr.count(b"\n") == 1


def test_an_empty_index_answers_with_exit_1(vsearch: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    index = tmp_path / "index"
    assert vsearch("index", tmp_path / "photos", "--index", index).returncode == 0
    done = vsearch("search", "a dog", "--index", index)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"vsearch: nothing found")


def on_a_terminal(*arguments: str, home: Path, columns: int) -> str:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vsearch", *arguments],
        cwd=PHOTOS,
        env=environment(home) | {"TERM": "xterm", "COLUMNS": str(columns)},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    seen = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(master)
    assert process.wait() == 0
    styles = re.compile(r"\x1b\[[0-9;]*m|\x1b]8;[^\x1b]*\x1b\\")  # colours and hyperlinks
    return styles.sub("", seen.decode()).replace("\r\n", "\n")


def test_a_terminal_gets_a_table(photos_index: Path, tmp_path: Path) -> None:
    seen = on_a_terminal(
        "search", "a dog", "-k", "2", "--index", str(photos_index), home=tmp_path, columns=80
    )
    lines = [line.rstrip() for line in seen.splitlines()]
    assert re.fullmatch(r" +relevance +picture +size +date", lines[0])
    assert re.fullmatch(
        r" *1 +█+[▏▎▍▌▋▊▉]? +\d\d% +IMG_0013\.jpg +\d+ × \d+ +\d{4}-\d\d-\d\d", lines[2]
    )
    assert re.fullmatch(r" *2 +█+[▏▎▍▌▋▊▉]? +\d\d% +IMG_0034\.png +\d+ × \d+ +\d{4}-.*", lines[3])
    assert all(len(line) <= 80 for line in lines)


def test_a_narrow_terminal_keeps_the_names(photos_index: Path, tmp_path: Path) -> None:
    for columns in (40, 60):
        seen = on_a_terminal(
            "search", "a dog", "-k", "2", "--index", str(photos_index), home=tmp_path,
            columns=columns,
        )  # fmt: skip
        assert "IMG_0034.png" in seen
        assert "%" in seen
        assert all(len(line) <= columns for line in seen.splitlines())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param("search $'\\xff\\xfe'", "words that are no valid UTF-8, ", id="bytes"),
        pytest.param("search dog > /dev/full", "No space left on device", id="full output"),
        pytest.param("status > /dev/full", "No space left on device", id="full status"),
        pytest.param("search dog --max-megapixels nan", "out of range, nan for ", id="nan"),
        pytest.param("search 9e9:dog", "", id="no weight"),
        pytest.param(f"search {'9' * 400}:dog", "a weight beyond 1,000,000", id="weight"),
        pytest.param("search dog >&-", "", id="closed output"),
        pytest.param("search dog 2>&-", "", id="closed errors"),
        pytest.param(
            "mkdir gone && cd gone && rmdir ../gone && $OLDPWD/run search dog",
            "the current folder is gone", id="no folder",
        ),
        pytest.param("VSEARCH_INDEX='~nosuch/x' status", "no such user, ", id="no home"),
    ],
)  # fmt: skip
def test_odd_surroundings_give_a_line_and_no_traceback(
    photos_index: Path, tmp_path: Path, command: str, message: str
) -> None:
    runner = tmp_path / "run"
    runner.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vsearch "$@"\n')
    runner.chmod(0o755)
    if not command.startswith("mkdir"):
        variable, _, rest = command.rpartition("' ")
        command = f"{variable}' {runner} {rest}" if variable else f"{runner} {command}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment(tmp_path) | {"VSEARCH_INDEX": str(photos_index)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == (2 if message else 0), done.stderr
    assert b"Traceback" not in done.stderr
    if message:
        # The shell itself may have had to say that its folder is gone.
        lines = [line for line in done.stderr.decode().splitlines() if "getcwd" not in line]
        assert [line.startswith(f"vsearch: {message}") for line in lines] == [True], lines


@pytest.fixture
def served() -> Iterator[serving.Server]:
    """Yield a server that has two of the photographs."""
    routes = {
        f"/{name}": serving.body((PHOTOS / name).read_bytes())
        for name in ("IMG_0010.jpg", "IMG_0003.heic")
    }
    with serving.Server(routes | {"/page": serving.body(b"<html>" + b" " * 100)}) as server:
        yield server


DIRECT = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


def test_a_picture_is_searched_by_its_address(
    vsearch: Run, photos_index: Path, served: serving.Server
) -> None:
    def found(*terms: str) -> bytes:
        done = vsearch(
            "search", *terms, "--index", photos_index, "-k", "3", "--json", cwd=PHOTOS,
            environ=DIRECT,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    url = f"{served.url}/IMG_0010.jpg"
    answers = [json.loads(line) for line in found(url).splitlines()]
    assert [os.path.basename(one["path"]) for one in answers[:2]] == [
        "IMG_0010.jpg", "IMG_0010_q30.jpg",
    ]  # fmt: skip
    assert answers[0]["score"] == pytest.approx(1, abs=1e-3)
    assert answers[0]["relevance"] > 0.99
    other = f"{served.url}/IMG_0003.heic"
    # A picture named by its path is left out of the answer, one named by its address is not.
    assert found(f"2:{url}", "castle", "--minus", other) != found(url)
    assert json.loads(found(other).splitlines()[0])["path"].endswith("IMG_0003.heic")


def test_an_address_is_explained_without_its_password(
    vsearch: Run, photos_index: Path, served: serving.Server
) -> None:
    query = ["search", "--index", photos_index, "--explain"]
    url = served.url.replace("http://", "http://me:secret@")
    done = vsearch(*query, f"2:{url}/IMG_0010.jpg", environ=DIRECT)
    assert done.returncode == 0
    assert f"term: picture at '{served.url}/IMG_0010.jpg', weight 2" in done.stderr.decode()
    assert b"secret" not in done.stderr
    for name, why in {"none.jpg": "404 Not Found", "page": "what is there is no picture"}.items():
        done = vsearch(*query, f"{url}/{name}", environ=DIRECT)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode() == (
            f"vsearch: the picture cannot be fetched ({why}), from '{served.url}/{name}'; "
            "look whether a browser shows it, or fetch it yourself and name the file\n"
        )


def test_offline_no_address_is_asked(
    vsearch: Run, photos_index: Path, served: serving.Server
) -> None:
    query: list[str | Path] = ["search", f"{served.url}/IMG_0010.jpg", "--index", photos_index]
    for done in (
        vsearch(*query, "--offline", environ=DIRECT),
        vsearch(*query, environ=DIRECT | {"VSEARCH_OFFLINE": "1"}),
    ):
        assert done.returncode == 2
        assert done.stderr.startswith(b"vsearch: the network is not to be used, for 'http://")
        assert done.stderr.count(b"\n") == 1
    assert served.asked == []
    done = vsearch("search", "a dog", "--index", photos_index, "--offline", "-k", "1")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("options", "meets"),
    [
        (["--type", "png"], lambda facts: facts["path"].endswith(".png")),
        (["--glob", "IMG_001?.*"], lambda facts: re.search(r"IMG_001.\.", facts["path"])),
        (["--orientation", "portrait"], lambda facts: facts["width"] < facts["height"]),
        (["--where", "pixels > 2e5"], lambda facts: facts["width"] * facts["height"] > 200_000),
        (["--in", "."], lambda _: True),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_only_what_meets_the_conditions(
    vsearch: Run, photos_index: Path, options: list[str], meets: Callable[[dict[str, Any]], object]
) -> None:
    def ask(*more: str) -> list[dict[str, Any]]:
        done = vsearch(
            "search", "a dog", "--json", "-k", "99", "--index", photos_index, *more, cwd=PHOTOS
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return [json.loads(line) for line in done.stdout.splitlines()]

    expected = [(match["path"], match["score"]) for match in ask() if meets(match)]
    assert expected
    assert [(match["path"], match["score"]) for match in ask(*options)] == expected


def test_answers_in_another_order(vsearch: Run, photos_index: Path) -> None:
    def ask(sort: str) -> list[str]:
        options = ["-k", "12", "--paths", "--sort", sort, "--index", photos_index]
        return paths(vsearch("search", "a dog", *options, cwd=PHOTOS).stdout)

    by_relevance = ask("relevance")
    assert ask("path") == sorted(by_relevance) != by_relevance


def test_the_newest_first(vsearch: Run, tmp_path: Path) -> None:
    root, index = tmp_path / "photos", tmp_path / "index"
    for number, year in enumerate([2019, 2024, 2009, 2021]):
        path = paint(root / f"{number}.jpg", (10 * number, 0, 0), (20, 20))
        when = datetime(year, 6, 1).timestamp()
        os.utime(path, (when, when))
    # When it was taken counts more than when its file was changed.
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2022:01:02 03:04:05"
    Image.open(root / "2.jpg").save(root / "2.jpg", exif=exif)
    assert vsearch("index", root, "--index", index).returncode == 0
    # As it is indexed, which is what conditions ask, too, whatever has become of the file.
    (root / "1.jpg").unlink()
    os.utime(root / "3.jpg")
    options = ["--paths", "--sort", "date", "--index", index]
    done = vsearch("search", "red", *options, cwd=root)
    assert paths(done.stdout) == ["1.jpg", "2.jpg", "3.jpg", "0.jpg"]
    done = vsearch("search", "red", *options, "--before", "2022", cwd=root)
    assert paths(done.stdout) == ["3.jpg", "0.jpg"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--camera", "no such"], 1, "nothing found, no picture meets the conditions"),
        (["--type", ""], 2, "an empty name for a type; name one"),
        (["--in", ""], 2, "an empty name for a folder; name one"),
        (["--label", "\udcff"], 2, "a label that is no valid UTF-8, '\\udcff'; check it"),
        (["--where", "name == '\udcff.jpg'"], 1, "nothing found, no picture meets the conditions"),
        (
            ["--in", "/nope"],
            2,
            (
                f"not indexed, '/nope'; indexed are {str(PHOTOS)!r}; name one of these, one below, "
                "or have it indexed by `vsearch index`"
            ),
        ),
    ],
)  # fmt: skip
def test_conditions_that_nothing_meets_or_that_are_none(
    vsearch: Run, photos_index: Path, options: list[str], code: int, said: str
) -> None:
    done = vsearch("search", "a dog", "--index", photos_index, *options)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (code, b"", f"vsearch: {said}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("arguments", "code"), [(["--after", "2999"], 1), (["--gallery", "/no/page.html"], 2)]
)
def test_where_nobody_can_be_told_the_exit_code_still_tells(
    photos_index: Path, tmp_path: Path, arguments: list[str], code: int
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "vsearch",
                "search",
                "a dog",
                "--index",
                photos_index,
                *arguments,
            ],
            env=environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=full,
            check=False,
        )
    assert done.returncode == code
