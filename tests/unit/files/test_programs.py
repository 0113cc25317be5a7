"""A program for each file: its words, without a shell."""

import os
import sys
from pathlib import Path

import pytest

from vsearch.errors import UsageError
from vsearch.files.programs import command_of, run_for, show_file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo", ["echo", "{}"]),
        ("echo {}", ["echo", "{}"]),
        ("echo --file={} -n", ["echo", "--file={}", "-n"]),
        ("cp {} '{}.copy of it'", ["cp", "{}", "{}.copy of it"]),
        ("echo 'two words' \\$HOME", ["echo", "two words", "$HOME", "{}"]),
        ("{}", ["{}"]),
    ],
)
def test_words_are_split_as_a_shell_does(text: str, words: list[str]) -> None:
    assert command_of(text) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no command, for --exec"),
        ("echo 'a", "no command (No closing quotation)"),
        ("no-such-program {}", "no such program, 'no-such-program'"),
        ("for i in {}", "no such program, 'for'"),
    ],
)
def test_what_is_no_command_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        command_of(text)
    assert str(caught.value).startswith(message)


def test_a_path_stays_one_word_whatever_is_in_it(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    say = [sys.executable, "-c", "import sys, os; os.write(1, repr(sys.argv[1:]).encode())"]
    name = "/-rf $(id) ; `id` 'a\"b\n\udce9.png"
    assert run_for([*say, "{}", "--x={}{}"], name) == 0
    assert capfdbinary.readouterr().out.decode() == repr([name, f"--x={name}{name}"])


def test_the_exit_code_is_the_programs() -> None:
    assert run_for([sys.executable, "-c", "raise SystemExit(7)"], "/a") == 7


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("a")
    with pytest.raises(UsageError, match=r"cannot be run \(Permission denied\)"):
        run_for(["{}"], str(file))


@pytest.mark.skipif(sys.platform != "linux", reason="the viewer is another program elsewhere")
def test_a_viewer_keeps_its_words_to_itself_and_says_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    picture, viewer = tmp_path / "a.png", tmp_path / "xdg-open"
    picture.touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for code, fault in ((0, ""), (4, "xdg-open found no viewer (exit code 4)")):
        viewer.write_text(f"#!/bin/sh\necho words\necho words >&2\nexit {code}\n")
        viewer.chmod(0o755)
        assert show_file(str(picture)) == fault
    assert show_file(str(tmp_path / "b.png")) == "the file has gone"
    monkeypatch.setenv("PATH", "/nowhere")
    assert show_file(str(picture)) == "there is no xdg-open on this machine"
    assert capfd.readouterr() == ("", "")
