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
    "xxhash", "filelock", "pydantic",
}  # fmt: skip
NOT_FOR_SEARCH = HEAVY | {"rich", "hnswlib", "filelock", "rawpy", "pillow_heif", "http", "ssl"}
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
