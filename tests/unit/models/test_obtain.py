"""`obtain`: what is taken as it is, what is made anew, and what cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import tiny
from unit.models.conversion.test_convert import prepare
from unit.models.test_installed import install

from vsearch.errors import UsageError
from vsearch.models.conversion import find as finding
from vsearch.models.conversion.source import Source
from vsearch.models.folder import ModelFolder, built_in
from vsearch.models.hub import Connection
from vsearch.models.installed import Installed
from vsearch.models.obtain import Obtained, obtain

HUB, MINE = "hf-hub:org/one", "RN50/mine"


@pytest.fixture
def here(tmp_path: Path) -> Installed:
    return Installed(tmp_path / "models")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Replace what is fetched and converted; list what was asked for."""
    asked: list[dict[str, Any]] = []

    def find(name: Any, checkpoint: Path | None, _: object) -> Source:
        asked.append({"name": name.canonical, "checkpoint": checkpoint})
        return tiny("clip")

    def convert(_source: Source, _wanted: str, target: Path, **settings: Any) -> Any:
        from vsearch.models.conversion.convert import Conversion

        asked[-1]["torch_weights"] = settings["torch_weights"]
        return Conversion(built_in(), f"made {target.name}")

    monkeypatch.setattr(finding, "find", find)
    monkeypatch.setattr("vsearch.models.conversion.convert.convert", convert)
    return asked


def get(here: Installed, name: str, **settings: Any) -> Obtained:
    return obtain(name, here, Connection, prepare=prepare, **settings)


def with_torch(folder: ModelFolder) -> None:
    """Let a folder say that it has what a GPU needs."""
    path = folder.path / "model.json"
    path.write_text(json.dumps(folder.card | {"torch": {"always": False}}))


@pytest.mark.parametrize("for_gpu", ["no", "where made", "needed"])
def test_the_built_in_model_is_always_here(
    here: Installed, made: list[dict[str, Any]], for_gpu: str
) -> None:
    assert get(here, "mini", for_gpu=for_gpu, verify=True) == Obtained(built_in(), new=False)
    assert made == []


@pytest.mark.parametrize("name", [HUB, MINE])
@pytest.mark.parametrize("for_gpu", ["no", "where made"])
def test_what_is_here_is_taken_as_it_is(
    here: Installed, made: list[dict[str, Any]], name: str, for_gpu: str
) -> None:
    """A GPU in the machine is no reason to fetch a model again: it may have come by a stick."""
    folder = install(here, name)
    assert get(here, name, for_gpu=for_gpu, verify=True) == Obtained(folder, new=False)
    assert made == []


def test_what_a_gpu_needs_is_added_when_it_is_asked_for(
    here: Installed, made: list[dict[str, Any]], tmp_path: Path
) -> None:
    install(here, HUB)
    assert get(here, HUB, for_gpu="needed").new
    assert made == [{"name": HUB, "checkpoint": None, "torch_weights": True}]
    with_torch(install(here, f"{HUB}@int8"))
    assert not get(here, f"{HUB}@int8", for_gpu="needed").new

    install(here, MINE)
    with pytest.raises(UsageError, match=r"of a checkpoint of yours.*--checkpoint"):
        get(here, MINE, for_gpu="needed")
    file = tmp_path / "mine.pt"
    assert get(here, "RN50", checkpoint=file, for_gpu="needed").new
    assert made[-1] == {"name": MINE, "checkpoint": file, "torch_weights": True}


@pytest.mark.parametrize(("for_gpu", "torch_weights"), [("no", False), ("where made", True)])
def test_what_is_not_here_is_made(
    here: Installed, made: list[dict[str, Any]], for_gpu: str, torch_weights: bool
) -> None:
    assert get(here, HUB, for_gpu=for_gpu).remark == f"made {here.place(HUB).name}"
    assert made == [{"name": HUB, "checkpoint": None, "torch_weights": torch_weights}]


def test_what_is_damaged_is_made_anew_where_it_is_looked_at(
    here: Installed, made: list[dict[str, Any]]
) -> None:
    folder = install(here, HUB)
    (folder.path / "text.onnx").write_bytes(b"x")
    assert not get(here, HUB).new  # a search will say, when it comes to that file
    assert get(here, HUB, verify=True).new
    (folder.path / "model.json").write_text("{")
    assert get(here, HUB, verify=True).new


def test_a_checkpoint_does_not_replace_what_is_here(
    here: Installed, made: list[dict[str, Any]], tmp_path: Path
) -> None:
    install(here, MINE)
    with pytest.raises(UsageError, match="is here already, named 'RN50/mine'"):
        get(here, "RN50", checkpoint=tmp_path / "mine.pt")
    assert made == []
