"""What a name becomes: which files are asked for, and how pictures are prepared."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vsearch.errors import ModelError, UsageError
from vsearch.models.conversion.find import find, find_random
from vsearch.models.hub import Connection
from vsearch.models.zoo import names

HALF = (0.5, 0.5, 0.5)


class Recorder(Connection):
    """A connection that gives a path for all it is asked, and remembers it."""

    def __init__(self, folder: Path, files: dict[str, str] | None = None) -> None:
        super().__init__()
        object.__setattr__(self, "folder", folder)
        object.__setattr__(self, "asked", [])
        for name, content in (files or {}).items():
            (folder / name).write_text(content)

    folder: Path
    asked: list[tuple[str, str]]

    def download(self, repository: str, filename: str) -> Path:
        self.asked.append((repository, filename))
        return self.folder / filename

    def download_first(self, repository: str, filenames: Sequence[str]) -> Path:
        return self.download(repository, filenames[0])

    def download_all(
        self, repository: str, filenames: Sequence[str], optional: Sequence[str] = ()
    ) -> Path:
        for filename in (*filenames, *optional):
            self.download(repository, filename)
        return self.folder


def test_published_weights_come_with_what_is_published_of_them(tmp_path: Path) -> None:
    connection = Recorder(tmp_path)
    source = find(names.parse("fast@int8"), None, connection)
    repository = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"
    assert connection.asked == [(repository, "open_clip_model.safetensors")]
    assert source.name == "ViT-B-32-256/datacomp_s34b_b86k@int8"
    assert source.licence == "MIT"
    assert source.origins[0]["weights"] == f"hf-hub:{repository}"
    assert source.preprocessing().size == 256
    assert source.preprocessing().resize == "shortest-truncated"


def test_siglip_is_squeezed_and_asks_for_its_tokenizer(tmp_path: Path) -> None:
    connection = Recorder(tmp_path)
    source = find(names.parse("balanced"), None, connection)
    assert (source.preprocessing().resize, source.preprocessing().mean) == ("squash", HALF)
    assert ("timm/ViT-B-16-SigLIP", "tokenizer.json") in connection.asked
    assert source.tokenizer == tmp_path


def test_a_text_tower_of_transformers_asks_for_its_configuration(tmp_path: Path) -> None:
    connection = Recorder(tmp_path)
    find(names.parse("xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k"), None, connection)
    assert ("xlm-roberta-base", "config.json") in connection.asked


@pytest.mark.parametrize(
    ("name", "quick"), [("ViT-B-32/openai", True), ("ViT-B-32/laion2b_e16", False)]
)
def test_weights_that_need_quick_gelu_get_it(tmp_path: Path, name: str, quick: bool) -> None:
    config = find(names.parse(name), None, Recorder(tmp_path)).model_cfg
    assert bool(config.get("quick_gelu")) == quick


def test_a_repository_describes_itself(tmp_path: Path) -> None:
    described = {
        "model_cfg": {"embed_dim": 8, "vision_cfg": {"image_size": 64}, "text_cfg": {}},
        "preprocess_cfg": {"mean": HALF, "std": HALF, "resize_mode": "longest"},
    }
    connection = Recorder(tmp_path, {"open_clip_config.json": json.dumps(described)})
    source = find(names.parse("hf-hub:org/name"), None, connection)
    assert source.model_cfg == described["model_cfg"]
    assert (source.preprocessing().size, source.preprocessing().resize) == (64, "longest")
    assert source.licence is None


def repository(**changes: Any) -> dict[str, Any]:
    """Return what a repository says of itself, with some of it changed."""
    text = {"context_length": 8} | changes.pop("text_cfg", {})
    model = {"embed_dim": 8, "vision_cfg": {"image_size": 64}, "text_cfg": text}
    return {"model_cfg": model | changes.pop("model_cfg", {})} | changes


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{nonsense", id="no JSON"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"[" * 100_000, id="very deep"),
        pytest.param(b"{}", id="nothing"),
        pytest.param({"model_cfg": None}, id="no model"),
        pytest.param({"model_cfg": {"embed_dim": 8, "text_cfg": {}}}, id="no image tower"),
        pytest.param(repository(model_cfg={"text_cfg": []}), id="a text tower that is a list"),
        pytest.param(repository(preprocess_cfg=["mean"]), id="preprocessing that is a list"),
        pytest.param(repository(text_cfg={"hf_tokenizer_name": 5}), id="a tokenizer named 5"),
        pytest.param(repository(text_cfg={"hf_tokenizer_name": "../../x"}), id="one outside"),
        pytest.param(repository(text_cfg={"hf_model_name": "/etc"}), id="a text tower outside"),
        pytest.param(repository(text_cfg={"tokenizer_kwargs": ["x"]}), id="settings in a list"),
    ],
)
def test_what_a_repository_says_wrongly_is_one_line(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "open_clip_config.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    connection = Recorder(tmp_path)
    with pytest.raises(ModelError, match=r"open_clip_config\.json cannot be used .* of org/name;"):
        find(names.parse("hf-hub:org/name"), None, connection)
    assert connection.asked == [("org/name", "open_clip_config.json")]  # and nothing large


@pytest.mark.parametrize(
    "preprocessing",
    [
        {"mean": "abc"}, {"mean": [0.5, 0.5]}, {"std": [0, 0, 0]}, {"std": [1, 1, "x"]},
        {"std": [float("nan")] * 3}, {"mean": [10**400, 0, 0]}, {"mean": [float("nan")] * 3},
    ],
    ids=str,
)  # fmt: skip
def test_preprocessing_that_is_none_is_one_line(
    tmp_path: Path, preprocessing: dict[str, Any]
) -> None:
    content = json.dumps(repository(preprocess_cfg=preprocessing))
    connection = Recorder(tmp_path, {"open_clip_config.json": content})
    source = find(names.parse("hf-hub:org/name"), None, connection)
    with pytest.raises(ModelError, match="its preprocessing cannot be used"):
        source.preprocessing()


@pytest.mark.parametrize("size", [0, -5, 1_000_000, True, "64", [64, 0]])
def test_a_size_that_is_none_is_one_line(tmp_path: Path, size: Any) -> None:
    content = json.dumps(repository(model_cfg={"vision_cfg": {"image_size": size}}))
    connection = Recorder(tmp_path, {"open_clip_config.json": content})
    with pytest.raises(ModelError, match=r"cannot be used|must be square"):
        find(names.parse("hf-hub:org/name"), None, connection).preprocessing()


def test_what_kind_of_tokenizer_it_is_may_stand_in_config_json(tmp_path: Path) -> None:
    """bert-base-uncased's own tokenizer_config.json does not say that it is BERT's."""
    connection = Recorder(tmp_path)
    find(names.parse("ViT-L-14-CLIPA/datacomp1b"), None, connection)
    assert ("bert-base-uncased", "config.json") in connection.asked


def test_a_checkpoint_is_prepared_for_as_all_published_weights_are(tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    weights.touch()
    siglip = names.parse("ViT-B-16-SigLIP-256", weights)
    assert find(siglip, weights, Recorder(tmp_path)).preprocessing().resize == "squash"
    clip = names.parse("ViT-L-14", weights)  # its published weights do not agree
    assert find(clip, weights, Recorder(tmp_path)).preprocessing().mean[0] == 0.48145466


def test_wrong_names_are_told(tmp_path: Path) -> None:
    weights = tmp_path / "mine.pt"
    with pytest.raises(UsageError, match="no such file"):
        find(names.parse("ViT-B-32", weights), weights, Recorder(tmp_path))
    with pytest.raises(UsageError, match="no architecture 'ViT-B-33'"):
        find(names.parse("ViT-B-33", weights), weights, Recorder(tmp_path))
    with pytest.raises(UsageError, match="no architecture 'ViT-B-33'"):
        find_random("ViT-B-33", Recorder(tmp_path))
    with pytest.raises(UsageError, match="did you mean"):
        find(names.parse("ViT-B-32/openaj"), None, Recorder(tmp_path))


def test_random_weights_need_no_file(tmp_path: Path) -> None:
    connection = Recorder(tmp_path)
    source = find_random("ViT-B-32-256", connection)
    assert source.checkpoint is None
    assert connection.asked == []
    assert source.preprocessing().size == 256
