"""Tab: what the shells offer, asked as they ask, and how they are taught to."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, Run, environment
from PIL import Image

ASKED = {
    "a command": ("vsearch sea", ["search"]),
    "a command of a group": ("vsearch models re", ["remove"]),
    "an option": ("vsearch search dog --so", ["--sort"]),
    "a choice": ("vsearch search dog --sort ", ["date", "path", "relevance"]),
    "a model": ("vsearch index --model b", ["balanced", "best"]),
    "a model that is here": ("vsearch models export ", ["mini"]),
    "an indexed folder": ("vsearch search --in ", ["My Photos", "plain"]),
    "one with a space": ("vsearch search --in My", ["My Photos"]),
    "one from home": ("vsearch forget ~/p", ["~/plain"]),
    "one from above": ("vsearch forget HERE/p", ["HERE/plain"]),
    "one of an index in the home": (
        "vsearch search --index ~/data/vsearch/default --in pl",
        ["plain"],
    ),
    "one after =": ("vsearch search --in=pl", ["--in=plain"]),
    "all after =": ("vsearch search x --in=", ["--in=My Photos", "--in=plain"]),
    "a choice after =": ("vsearch search --sort=d", ["--sort=date"]),
    "a label with a colon": ("vsearch search --label Places:P", ["Places:Paris"]),
    "one after = and a colon": ("vsearch search --label=Places:P", ["--label=Places:Paris"]),
    "a shell": ("vsearch completion f", ["fish"]),
    "a term, which may be a file": ("vsearch search pla", []),
}

LABELLED = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF'
    b' xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    b' xmlns:d="http://purl.org/dc/elements/1.1/"><r:Description><d:subject><r:Bag>'
    b"<r:li>Places:Paris</r:li></r:Bag></d:subject></r:Description></r:RDF></x:xmpmeta>"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with two indexed folders, and `vsearch` on a PATH of its own."""
    home = tmp_path_factory.mktemp("home")
    for name in ("My Photos", "plain", "quo'te$(touch harm)"):
        (home / name).mkdir()
        with Image.open(PHOTOS / "IMG_0001.jpg") as image:
            image.save(home / name / "a.webp", xmp=LABELLED)
    (home / "bin").mkdir()
    program = home / "bin" / "vsearch"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m vsearch "$@"\n')
    program.chmod(0o755)
    done = run(home, ["vsearch", "index", "-q", "My Photos", "plain", "quo'te$(touch harm)"])
    assert done.returncode == 0, done.stderr
    return home


def run(
    home: Path, command: list[str], variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environ = environment(home) | {"PATH": f"{home}/bin:{os.environ['PATH']}"}
    return subprocess.run(
        command,
        cwd=home,
        env=environ | (variables or {}),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
        check=False,
    )


def offered_by_bash(home: Path, line: str) -> list[str]:
    split = re.sub("[=:]+", lambda found: f" {found[0]} ", line)  # its words end there
    script = f"""
        eval "$(vsearch completion bash)"
        COMP_WORDS=({split}{" ''" if line.endswith(" ") else ""})
        COMP_LINE={shlex.quote(line)}
        COMP_POINT=${{#COMP_LINE}}
        COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
        compopt() {{ :; }}
        _vsearch_completion vsearch
        [[ ${{#COMPREPLY[@]}} == 0 ]] || printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = run(home, ["bash", "--norc", "-c", script])
    assert done.stderr == ""
    return sorted(done.stdout.splitlines())


def offered_by_fish(home: Path, line: str) -> list[str]:
    script = f"vsearch completion fish | source; complete -C '{line}'"
    done = run(home, ["fish", "--no-config", "-c", script])
    assert done.stderr == ""
    offered = sorted(one.partition("\t")[0] for one in done.stdout.splitlines())
    return [one for one in offered if not one.endswith("/")]  # fish's own: files


def offered_by_zsh(home: Path, line: str) -> list[str]:
    # What the script would hand to `_arguments` in a line that is being edited.
    script = f"""
        compdef() {{ :; }}
        _files() {{ :; }}
        _arguments() {{ print -r -- "$1"; }}
        eval "$(vsearch completion zsh)"
        words=({line.replace("~", "'~'")}{" ''" if line.endswith(" ") else ""})
        CURRENT=$#words
        _vsearch_completion
    """
    done = run(home, ["zsh", "-f", "-c", script])
    assert done.stderr == ""
    inside = done.stdout.partition("((")[2].rpartition("))")[0]
    values = [re.split(r"(?<!\\):", one)[0] for one in shlex.split(inside)]
    return sorted(value.replace("\\:", ":") for value in values)


SHELLS = {"bash": offered_by_bash, "zsh": offered_by_zsh, "fish": offered_by_fish}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "expected"), ASKED.values(), ids=ASKED.keys())
def test_what_is_offered(home: Path, shell: str, line: str, expected: list[str]) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    offered = SHELLS[shell](home, line.replace("HERE", str(home)))
    if shell == "bash":  # puts it in place of what stands behind the last of these
        expected = [re.split("[=:]", one)[-1] for one in expected]
    assert offered == [one.replace("HERE", str(home)) for one in expected]
    assert not (home / "harm").exists()


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"VSEARCH_INDEX": "/nowhere"}, id="no index"),
        pytest.param({"VSEARCH_CONFIG": "/dev/null", "VSEARCH_INDEX": "/dev/null"}, id="no folder"),
        pytest.param({"VSEARCH_MODELS": "/dev/null"}, id="no models"),
    ],
)
@pytest.mark.parametrize("line", ["vsearch search --in ", "vsearch models remove x"])
def test_faults_stay_unsaid(home: Path, line: str, variables: dict[str, str]) -> None:
    asked = {
        "_VSEARCH_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": line,
    }
    done = run(home, ["vsearch"], asked | variables)
    assert done.stderr == ""
    assert "Traceback" not in done.stdout


def test_a_faulty_configuration_stays_unsaid(home: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("x = ")
    asked = {
        "_VSEARCH_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": "vsearch search --sort ",
        "VSEARCH_CONFIG": str(tmp_path / "config.toml"),
    }
    done = run(home, ["vsearch"], asked)
    assert (done.stdout.split(), done.stderr) == (["relevance", "date", "path"], "")


INSTALLED = {
    "bash": (".bashrc", "data/vsearch/completion.bash"),
    "zsh": (".zshrc", "data/vsearch/completion.zsh"),
    "fish": (None, ".config/fish/completions/vsearch.fish"),
}


@pytest.mark.parametrize("shell", INSTALLED)
def test_installing_adds_a_line_once(vsearch: Run, tmp_path: Path, shell: str) -> None:
    start, script = INSTALLED[shell]
    environ = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    before = b"alias l\xff='ls'"  # in whatever encoding, and without an end
    if start:
        (tmp_path / start).write_bytes(before)
    for _ in range(2):
        done = vsearch("completion", shell, "--install", environ=environ)
        assert (done.returncode, done.stdout) == (0, b"")
        assert str(tmp_path / script).encode() in done.stderr
    printed = vsearch("completion", shell, environ=environ).stdout
    assert (tmp_path / script).read_bytes() == printed
    if start:
        first, line = (tmp_path / start).read_bytes().splitlines()
        assert first == before
        assert line.endswith(b". " + os.fsencode(tmp_path / script))


def test_powershell_is_asked_for_its_profile(vsearch: Run, tmp_path: Path) -> None:
    profile = tmp_path / "documents" / "profile.ps1"
    (tmp_path / "pwsh").write_text(f"#!/bin/sh\necho {profile}\n")
    (tmp_path / "pwsh").chmod(0o755)
    environ = {"PATH": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "o'data")}
    done = vsearch("completion", "powershell", "--install", environ=environ)
    assert done.returncode == 0, done.stderr
    place = str(tmp_path / "o''data" / "vsearch" / "completion.ps1")
    assert profile.read_text() == f". '{place}'\n"
    assert "Register-ArgumentCompleter -Native -CommandName vsearch" in (
        tmp_path / "o'data" / "vsearch" / "completion.ps1"
    ).read_text(encoding="utf-8")  # fmt: skip
    (tmp_path / "pwsh").unlink()
    done = vsearch("completion", "powershell", "--install", environ=environ)
    assert done.returncode == 2
    assert done.stderr.startswith(b"vsearch: no PowerShell is found on the PATH")


UNKNOWN = """
import sys, shellingham
def fails(): raise shellingham.ShellDetectionFailure
shellingham.detect_shell = fails
from vsearch.cli.main import run
sys.exit(run())
"""


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        pytest.param("/usr/bin/fish", 0, "complete --command vsearch ", id="known by $SHELL"),
        pytest.param("/bin/csh", 2, "'csh' is none of them; name one", id="another"),
        pytest.param("", 2, "it cannot be told which one runs this; name one", id="not known"),
    ],
)
def test_where_the_shell_cannot_be_told(home: Path, shell: str, code: int, said: str) -> None:
    done = run(home, [sys.executable, "-c", UNKNOWN, "completion"], {"SHELL": shell})
    assert done.returncode == code
    assert said in (done.stderr if code else done.stdout)
