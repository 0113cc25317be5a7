"""No code of vsearch's loads what could run: read from its source, all of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vsearch

FOLDER = Path(vsearch.__file__).parent
SOURCES = sorted(FOLDER.rglob("*.py"))
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
NAMES_ONLY = {("pickle", "UnpicklingError")}  # to say that there was one, which was not opened
BUILT_IN = {"eval", "exec", "compile", "__import__"}


def hazards(source: str) -> Iterator[str]:
    """Yield what could run what it loads."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            for name in node.names:
                if (node.module, name.name) not in NAMES_ONLY:
                    yield f"{node.module}.{name.name}"
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in BUILT_IN:
                yield called.id
            if (
                isinstance(called, ast.Attribute)
                and isinstance(called.value, ast.Name)
                and called.value.id in {"torch", "np", "numpy", "pd"}
                and called.attr.startswith(("load", "read_pickle"))
            ):
                safe = {word.arg: ast.unparse(word.value) for word in node.keywords}
                if safe.get("weights_only") != "True" and safe.get("allow_pickle") != "False":
                    yield f"{called.value.id}.{called.attr}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_nothing_that_is_loaded_could_run(path: Path) -> None:
    assert list(hazards(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import joblib as j", "eval('1')",
        "import torch\ntorch.load(f)", "np.load(f)", "np.load(f, allow_pickle=True)",
        "torch.load(f, weights_only=False)", "exec(code)", "from marshal import load",
    ],
)  # fmt: skip
def test_this_test_sees_what_it_is_for(source: str) -> None:
    assert len(list(hazards(source))) == 1


def test_what_is_safe_is_let_through() -> None:
    safe = "import torch\ntorch.load(f, weights_only=True)\nfrom pickle import UnpicklingError"
    assert list(hazards(safe)) == []
