"""Commands that run no torch must not wait for it: looked at in fresh processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, environment

HEAVY = {"torch", "torchvision", "open_clip", "timm", "transformers", "scipy", "pyarrow"}
NOT_FOR_HELP = HEAVY | {
    "numpy", "onnxruntime", "tokenizers", "PIL", "rich", "hnswlib", "sqlite3", "platformdirs",
    "xxhash", "filelock", "pydantic", "textual", "textual_image",
}  # fmt: skip
NOT_FOR_SEARCH = HEAVY | {
    "rich",
    "hnswlib",
    "filelock",
    "rawpy",
    "pillow_heif",
    "http",
    "ssl",
    "textual",
}
NOT_FOR_WORDS = NOT_FOR_SEARCH | {"PIL"}

SPY = """
import json, sys
sys.argv = ["vsearch", *sys.argv[1:]]
from vsearch.cli.main import run
code = run()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "banned"),
    [
        pytest.param(["--help"], NOT_FOR_HELP - {"pydantic"}, id="help"),
        pytest.param(["--version"], NOT_FOR_HELP - {"pydantic"}, id="version"),
        pytest.param(["search", "--help"], NOT_FOR_HELP - {"pydantic"}, id="search help"),
        pytest.param(["browse", "--help"], NOT_FOR_HELP - {"pydantic"}, id="browse help"),
        pytest.param(["index", "--help"], NOT_FOR_HELP - {"pydantic"}, id="index help"),
        pytest.param(["export", "--help"], NOT_FOR_HELP - {"pydantic"}, id="export help"),
        pytest.param(["import", "--help"], NOT_FOR_HELP - {"pydantic"}, id="import help"),
        pytest.param(["status"], HEAVY | {"onnxruntime", "PIL", "hnswlib"}, id="status"),
        pytest.param(["search", "a dog"], NOT_FOR_WORDS, id="search by words"),
        pytest.param(["search", "IMG_0010.jpg"], NOT_FOR_SEARCH, id="search by picture"),
    ],
)
def test_modules_left_unloaded(
    photos_index: Path, tmp_path: Path, arguments: list[str], banned: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPY, *arguments],
        cwd=PHOTOS,
        env=environment(tmp_path) | {"VSEARCH_INDEX": str(photos_index)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "vsearch" in loaded
    assert loaded & banned == set()


def test_nothing_is_written_but_the_index(tmp_path: Path) -> None:
    home, index = tmp_path / "home", tmp_path / "index"
    home.mkdir()
    plain = {
        name: value
        for name, value in environment(home).items()
        if "TELEMETRY" not in name  # which these tests have turned off for themselves
    }
    for arguments in (
        ["index", str(PHOTOS), "--quiet"],
        ["search", "a dog"],
        ["search", str(PHOTOS / "IMG_0010.jpg"), "--minus", "a cat"],
        ["status"],
        ["check", "--deep"],
        ["forget", str(PHOTOS / "IMG_0010.jpg")],
        ["compact"],
    ):
        subprocess.run(
            [sys.executable, "-m", "vsearch", *arguments],
            cwd=home,
            env=plain | {"VSEARCH_INDEX": str(index)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    assert sorted(tmp_path.iterdir()) == [home, index]
    assert list(home.iterdir()) == []


INTERRUPTIBLE = """
import signal
import vsearch.__main__ as start
print(signal.getsignal(signal.SIGINT).name)
from vsearch.cli import main as command
command.main = lambda: print(signal.getsignal(signal.SIGINT).__name__)
start.main()
"""


def test_ctrl_c_while_modules_are_imported_shows_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTIBLE],
        env=environment(tmp_path),
        capture_output=True,
        check=True,
    )
    assert done.stdout.split() == [b"SIG_DFL", b"default_int_handler"]
