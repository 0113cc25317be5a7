"""Settings as a person meets them: files, the environment, and `vsearch config`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from end_to_end.command import Run

from vsearch.cli.settings import SETTABLE

# What is for one run, changes the form of what a script reads, or names what is worked on.
NOT_SETTABLE = {
    "copy-to", "crop", "csv", "exec", "find", "gallery", "keep", "label", "like", "link",
    "link-to", "move-to", "open", "preview", "queries", "quiet", "sheet", "update", "yes",
    "after", "all", "before", "camera", "checkpoint", "deep", "drop-old", "dry-run",
    "exact", "force", "format", "glob", "graph", "help", "in", "index",
    "install", "json", "min-size", "minus", "null", "orientation", "paths", "pictures",
    "precision", "project", "random", "repair", "root", "skipped", "strict", "type",
    "watch", "where",
    "alike", "allow-missing", "baseline", "fractions", "images", "junit", "k", "label-from",
    "labels", "map-points", "markdown", "max-drop", "no-latency", "out", "report", "require",
    "sample", "seed", "set", "split", "together", "top",
}  # fmt: skip
ELSEWHERE = {"import.model", "evaluate.model", "bench.model.device", "bench.model.offline"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the user's configuration file, which is not there yet."""
    return tmp_path / "config.toml"


@pytest.fixture
def run(vsearch: Run, file: Path, photos_index: Path, tmp_path: Path) -> Run:
    """Return a function that runs vsearch with that file, in a folder of a project."""
    project = tmp_path / "project"
    (project / ".vsearch").mkdir(parents=True)

    def run(*arguments: str, **variables: str) -> object:
        environ = {"VSEARCH_CONFIG": str(file), "VSEARCH_INDEX": str(photos_index)} | variables
        return vsearch(*arguments, cwd=project, environ=environ)

    return run  # type: ignore[return-value]  # as vsearch


def count(done: object) -> int:
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    return len(done.stdout.splitlines())  # type: ignore[attr-defined]


def test_who_beats_whom(run: Run, file: Path, tmp_path: Path) -> None:
    search = ("search", "a dog")
    assert count(run(*search)) == 10
    file.write_text("[search]\ncount = 2\n")
    assert count(run(*search)) == 2
    (tmp_path / "project" / ".vsearch" / "config.toml").write_text("[search]\ncount = 3\n")
    assert count(run(*search)) == 3
    assert count(run(*search, VSEARCH_SEARCH_COUNT="4")) == 4
    assert count(run(*search, "-k", "5", VSEARCH_SEARCH_COUNT="4")) == 5


def test_the_environment_switches_off_what_a_file_switches_on(
    run: Run, file: Path, tmp_path: Path
) -> None:
    file.write_text("[search]\ncount = 2\nexplain = true\n")
    search = ("search", "a dog")
    assert b"time: " in run(*search).stderr
    assert run(*search, VSEARCH_SEARCH_EXPLAIN="no").stderr == b""
    (tmp_path / "project" / ".vsearch" / "config.toml").write_text("[search]\ncount = nonsense\n")
    assert count(run(*search, VSEARCH_NO_CONFIG="1")) == 10
    assert count(run(*search, VSEARCH_NO_CONFIG="1", VSEARCH_SEARCH_COUNT="3")) == 3


def test_no_file_no_default_index(vsearch: Run, file: Path, tmp_path: Path) -> None:
    file.write_text('default-index = "elsewhere"\n')
    for variables, place in ({}, tmp_path / "elsewhere"), ({"VSEARCH_NO_CONFIG": "1"}, None):
        done = vsearch("status", cwd=tmp_path, environ={"VSEARCH_CONFIG": str(file)} | variables)
        assert done.returncode == 2
        assert (os.fsencode(tmp_path / "elsewhere") in done.stderr) is (place is not None)


def test_show_says_what_decided(run: Run, file: Path, tmp_path: Path) -> None:
    project = tmp_path / "project" / ".vsearch" / "config.toml"
    file.write_text('[index]\nmodel = "fast"\nmax_seconds = 5\n[models.get]\noffline = true\n')
    project.write_text("[index]\nmax-seconds = 6.5\n")
    done = run("config", "show", "--json", VSEARCH_SEARCH_SORT="date")
    said = {
        f"{one['command']}.{one['option']}": (one["value"], one["origin"], one["place"])
        for one in map(json.loads, done.stdout.splitlines())
    }
    assert len(said) == sum(map(len, SETTABLE.values()))
    assert {name: why for name, why in said.items() if why[1] != "default"} == {
        "index.model": ("fast", "user", str(file)),
        "index.max-seconds": (6.5, "project", str(project)),
        "models.get.offline": (True, "user", str(file)),
        "search.sort": ("date", "environment", "VSEARCH_SEARCH_SORT"),
    }
    assert said["search.count"] == (10, "default", None)
    lines = run("config", "show", VSEARCH_SEARCH_SORT="date").stdout.decode().splitlines()
    assert [line.split() for line in lines if "sort" in line or "count" in line] == [
        ["search.count", "10", "default"],
        ["search.sort", "date", "environment:", "$VSEARCH_SEARCH_SORT"],
    ]


FAULTS = {
    "an option": (
        "[search]\ncuont = 3",
        "no such setting, 'cuont' under [search] in FILE; did you mean 'count'?",
    ),
    "a table": ("[serch]", "no such setting, '[serch]' in FILE; did you mean '[search]'?"),
    "a top-level key": ("count = 3", "no such setting, 'count' in FILE; there are "),
    "a key below a group": (
        "[models.gte]\na = 1",
        "no such setting, 'gte' under [models] in FILE; did you mean 'get'?",
    ),
    "no table": (
        "[models]\nget = 1",
        "not a table: get under [models], in FILE; write [models.get]",
    ),
    "what acts": ("[index]\ndry-run = true", "no such setting, 'dry-run' under [index] in FILE; "),
    "a text for a number": (
        '[search]\ncount = "3"',
        "not a whole number: count under [search], in FILE; ",
    ),
    "a fraction for a number": (
        "[search]\ncount = 3.5",
        "not a whole number: count under [search], in FILE; ",
    ),
    "a truth for a number": (
        "[search]\ncount = true",
        "not a whole number: count under [search], in FILE; ",
    ),
    "a number for a truth": (
        "[index]\nhidden = 1",
        "not true or false: hidden under [index], in FILE; ",
    ),
    "a list for a text": (
        '[index]\nmodel = ["mini"]',
        "not a text: model under [index], in FILE; ",
    ),
    "out of range": (
        "[search]\ncount = 0",
        "out of range, 0 for count under [search], in FILE; give a whole number, 1 or more; ",
    ),
    "none of the choices": (
        '[search]\nsort = "dat"',
        "no such value, 'dat' for sort under [search], in FILE; did you mean date?; ",
    ),
    "nan": (
        "[search]\nmin-relevance = nan",
        "out of range, nan for min-relevance under [search], in FILE; give a number from 0 to 1; ",
    ),
    "a choice of a command below a group": (
        '[models.get]\ndevice = "gpu"',
        "no such value, 'gpu' for device under [models.get], in FILE; ",
    ),
    "no TOML": ("x = ", "no valid TOML (Invalid value (at end of document)), in FILE; "),
    "no text": (b"\xff", "no valid TOML ("),
    "an index that is no text": (
        "default-index = 3",
        "default-index is not the name of a folder, in FILE; ",
    ),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_one_line_and_locks_no_one_out(
    run: Run, file: Path, text: str | bytes, message: str
) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = run("status")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith("vsearch: " + message.replace("FILE", str(file)))
    assert done.stderr.count(b"\n") == 1
    assert run("config", "path").stdout == f"{file}\n".encode()
    assert run("search", "--help").returncode == 0
    assert run("--version").returncode == 0
    assert run("completion", "bash").returncode == 0
    edited = run("config", "edit", EDITOR="true")
    assert (edited.returncode, edited.stderr) == (2, done.stderr)
    mended = run("config", "edit", EDITOR=f"{sys.executable} -c {shlex.quote(MENDING)}")
    assert mended.stderr.decode() == f"checked: 1 set, in {file}\n"
    assert run("status").returncode == 0


MENDING = "import sys; open(sys.argv[1], 'w').write('[search]\\ncount = 3\\n')"


def test_a_fault_in_the_environment_is_one_line(run: Run) -> None:
    for name, value, told in (
        ("COUNT", "many", "no number, 'many' for $; give a whole number, 1 or more"),
        ("COUNT", "-1", "out of range, -1 for $; give a whole number, 1 or more"),
        ("COLLAPSE", "maybe", "neither true nor false, 'maybe' for $; give one of them"),
        ("SORT", "dat", "no such value, 'dat' for $; did you mean date?"),
    ):
        variable = f"VSEARCH_SEARCH_{name}"
        done = run("search", "a dog", **{variable: value})
        assert done.returncode == 2
        assert done.stderr.decode() == f"vsearch: {told.replace('$', '$' + variable)}\n"
    assert run("search", "--help", VSEARCH_SEARCH_COUNT="many").returncode == 0


def test_a_new_file_explains_all_and_sets_nothing(run: Run, file: Path) -> None:
    done = run("config", "edit", EDITOR="true")
    assert (done.returncode, done.stderr.decode()) == (0, f"checked: 0 set, in {file}\n")
    text = file.read_text()
    assert run("status").returncode == 0
    # Each example is what the option takes.
    file.write_text(
        "\n".join(line.removeprefix("#") for line in text.splitlines() if "# " not in line)
    )
    done = run("config", "edit", EDITOR="true")
    assert done.stderr.decode() == f"checked: {sum(map(len, SETTABLE.values()))} set, in {file}\n"


@pytest.mark.parametrize(
    ("editor", "message"),
    [
        pytest.param(
            "no-such-editor", "no editor, called 'no-such-editor'; name one", id="missing"
        ),
        pytest.param("false", "the editor 'false' has failed, with exit code 1, on ", id="failing"),
        pytest.param("'", 'no editor, called "\'"; name one', id="no command"),
    ],
)
def test_an_editor_that_does_not_work(run: Run, editor: str, message: str) -> None:
    done = run("config", "edit", EDITOR=editor)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"vsearch: {message}")


def test_the_file_of_a_project(run: Run, vsearch: Run, tmp_path: Path) -> None:
    folder = tmp_path / "project" / ".vsearch"
    assert run("config", "path", "--project").stdout == f"{folder}/config.toml\n".encode()
    assert run("config", "edit", "--project", EDITOR="true").returncode == 0
    # An index may be made where there is a file so far.
    done = vsearch("index", ".", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert (folder / "catalog.sqlite").exists()
    (folder / "config.toml").write_text('default-index = "/tmp"\n')
    done = run("status")
    assert done.returncode == 2
    assert b"default-index is for the user's own file" in done.stderr
    done = vsearch("config", "path", "--project")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_the_default_index(vsearch: Run, file: Path, photos_index: Path, tmp_path: Path) -> None:
    environ = {"VSEARCH_CONFIG": str(file)}
    file.write_text(f'default-index = "{photos_index}"\n')
    found = vsearch("status", "--json", environ=environ)
    assert json.loads(found.stdout)["folder"] == str(photos_index)
    (tmp_path / "here" / ".vsearch").mkdir(parents=True)
    nearer = vsearch("status", environ=environ, cwd=tmp_path / "here")
    assert b"there is no index, in " + str(tmp_path / "here").encode() in nearer.stderr
    file.write_text('default-index = "beside"\n')
    relative = vsearch("status", environ=environ)
    assert b"there is no index, in " + str(file.parent / "beside").encode() in relative.stderr


def test_every_option_is_known_to_be_settable_or_not() -> None:
    """A new option has to be put into SETTABLE, or into NOT_SETTABLE above.

    Nothing that runs, writes or removes something may be set by a file that came with pictures.
    """
    from typer.core import TyperGroup
    from typer.main import get_command

    from vsearch.cli.main import app

    def options(command: object, name: str) -> dict[str, set[str]]:
        if isinstance(command, TyperGroup):
            below = (options(one, f"{name}.{key}") for key, one in command.commands.items())
            return {key: found for one in below for key, found in one.items()}
        longs = {
            option.removeprefix("--")
            for parameter in command.params  # type: ignore[attr-defined]
            for option in parameter.opts
            if option.startswith("--")
        }
        return {name.removeprefix("."): longs}

    for command, names in options(get_command(app), "").items():
        settable = set(SETTABLE.get(command, ()))
        assert settable <= names
        left = {name for name in names - settable if f"{command}.{name}" not in ELSEWHERE}
        assert left <= NOT_SETTABLE, command


def test_a_misspelt_variable_is_told_and_one_of_others_is_not(run: Run) -> None:
    done = run(
        "search", "a dog", VSEARCH_SEARCH_COUTN="3", VSEARCH_INDX="/x",
        VSEARCH_INDEX_JOBS_AT_ONCE="1",        VSEARCH_SERVER="theirs", MY_VSEARCH_COUNT="1",
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.decode() == (
        "vsearch: no such setting, $VSEARCH_INDEX_JOBS_AT_ONCE; `vsearch config show` shows all\n"
        "vsearch: no such setting, $VSEARCH_INDX; did you mean VSEARCH_INDEX?\n"
        "vsearch: no such setting, $VSEARCH_SEARCH_COUTN; did you mean VSEARCH_SEARCH_COUNT?\n"
    )


def test_a_fault_in_the_file_of_a_project_says_how_to_mend_that(run: Run, tmp_path: Path) -> None:
    (tmp_path / "project" / ".vsearch" / "config.toml").write_text("[search]\ncount = 0\n")
    done = run("status")
    assert done.stderr.decode().endswith("; mend it with `vsearch config edit --project`\n")


def test_a_current_folder_that_is_gone_is_told(vsearch: Run, tmp_path: Path) -> None:
    def go_away() -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()

    for command in (["status"], ["search", "a dog"]):
        done = vsearch(*command, preexec=go_away)
        assert done.returncode == 2
        assert done.stderr == b"vsearch: the current folder is gone; go to another, with cd\n"
