"""`TorchEncoder` on the CPU with small random towers, held against open_clip itself.

What needs a GPU (streams, pinned memory, how many pictures fit) is not run here.
"""

import copy
import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save, save_file
from tokenizers import Tokenizer

from vsearch.errors import ModelError
from vsearch.models.folder import ModelFolder, built_in
from vsearch.models.onnx import OnnxEncoder
from vsearch.models.torch import TorchEncoder, _power_of_two

SIZE, DIM = 64, built_in().identity.dim
MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
TEXT = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
VIT = {"image_size": SIZE, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
VISION: dict[str, dict[str, Any]] = {
    "ViT": VIT,
    "ResNet": {"image_size": SIZE, "layers": [1, 1, 1, 1], "width": 16, "head_width": 32},
    "CoCa": VIT | {"attentional_pool": True, "attn_pooler_heads": 4, "output_tokens": True},
    # Real configurations ask for the backbone's own weights; they must not be fetched.
    "timm": {
        "image_size": SIZE,
        "timm_model_name": "convnext_atto",
        "timm_model_pretrained": True,
        "timm_pool": "avg",
        "timm_proj": "linear",
    },
}
Make = Callable[..., Path]


def tower(vision: dict[str, Any]) -> torch.nn.Module:
    """Return open_clip's own image tower, random with a fixed seed."""
    torch.manual_seed(0)
    vision = copy.deepcopy(vision)
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    module: torch.nn.Module = open_clip.CustomTextCLIP(DIM, vision, dict(TEXT)).visual
    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.weight.data *= 3  # untrained they would answer all pictures alike
        if isinstance(layer, torch.nn.BatchNorm2d):  # as trained: not the identity
            torch.nn.init.uniform_(layer.running_mean, -0.2, 0.2)  # type: ignore[arg-type]  # there is one
            torch.nn.init.uniform_(layer.running_var, 0.5, 2)  # type: ignore[arg-type]  # there is one
    return module.eval()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes a model folder, with the texts' files of `mini`.

    Given `text`, a text tower in torch instead of text.onnx.
    """

    def folder(
        vision: dict[str, Any], weights: bytes | None = None, text: dict[str, Any] | None = None
    ) -> Path:
        path = tmp_path / "model"
        path.mkdir()
        config = {"model_cfg": {"embed_dim": DIM, "vision_cfg": vision, "text_cfg": text or TEXT}}
        (path / "open_clip.json").write_text(json.dumps(config))
        if weights is None:
            state = {f"visual.{name}": part for name, part in tower(vision).state_dict().items()}
            state["logit_scale"] = torch.tensor(3.0)  # others' tensors do no harm
            save_file(state, path / "torch.safetensors")
        else:
            (path / "torch.safetensors").write_bytes(weights)
        card = json.loads((built_in().path / "model.json").read_text())
        (path / "tokenizer.json").symlink_to(built_in().path / "tokenizer.json")
        if text:
            del card["sha256"]["text.onnx"]
        else:
            (path / "text.onnx").symlink_to(built_in().path / "text.onnx")
        card["image"].update(size=SIZE, mean=MEAN, std=STD)
        for name in ("torch.safetensors", "open_clip.json"):
            card["sha256"][name] = hashlib.sha256((path / name).read_bytes()).hexdigest()
        (path / "model.json").write_text(json.dumps(card))
        return path

    return folder


def on_cpu(folder: Path, precision: Literal["fp32", "bf16"] | None = "fp32") -> TorchEncoder:
    return TorchEncoder(ModelFolder.open(folder), "cpu", precision)


def noise(count: int) -> NDArray[np.uint8]:
    """Return pictures that differ by more than noise: each with a colour of its own."""
    random = np.random.default_rng(0)
    colours = random.integers(0, 156, (count, 1, 1, 3), np.uint8)
    pixels: NDArray[np.uint8] = colours + random.integers(0, 100, (count, SIZE, SIZE, 3), np.uint8)
    return pixels


def of_open_clip(vision: dict[str, Any], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    plain = torch.from_numpy(((pixels / 255 - MEAN) / STD).transpose(0, 3, 1, 2)).float()
    with torch.no_grad():
        found = tower(vision)(plain)
    features = found[0] if isinstance(found, tuple) else found
    vectors: NDArray[np.float32] = torch.nn.functional.normalize(features, dim=-1).numpy()
    return vectors


@pytest.mark.parametrize("kind", VISION)
@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.999999), ("bf16", 0.99)])
def test_embeddings_are_those_of_open_clip(
    make: Make, kind: str, precision: Literal["fp32", "bf16"], least: float
) -> None:
    pixels = noise(5)
    vectors = on_cpu(make(VISION[kind]), precision).encode_images(pixels)
    assert vectors.shape == (5, DIM)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    expected = of_open_clip(VISION[kind], pixels)
    assert (vectors * expected).sum(axis=1).min() >= least
    # Different pictures are told apart by more than the precision's error.
    assert (expected @ expected.T)[~np.eye(5, dtype=bool)].min() < least


def test_the_precision_is_chosen_by_the_machine(make: Make) -> None:
    pixels = noise(3)
    vectors = on_cpu(make(VIT), precision=None).encode_images(pixels)
    assert (vectors * of_open_clip(VIT, pixels)).sum(axis=1).min() >= 0.99


def test_more_than_a_batch_equals_each_alone(make: Make) -> None:
    encoder = on_cpu(make(VIT))
    pixels = noise(2 * encoder.batch_size + 3)
    alone = np.concatenate([encoder.encode_images(one[None]) for one in pixels])
    assert encoder.encode_images(pixels) == pytest.approx(alone, abs=1e-5)


def test_a_result_is_not_overwritten_by_the_next(make: Make) -> None:
    encoder = on_cpu(make(VIT))
    first = encoder.encode_images(noise(2)[:1])
    kept = first.copy()
    encoder.encode_images(noise(2)[1:])
    assert first.tolist() == kept.tolist()


def test_threads_share_one_encoder(make: Make) -> None:
    encoder = on_cpu(make(VIT))
    pixels = noise(32)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: encoder.encode_images(one[None])[0], pixels))
    assert np.array(together) == pytest.approx(encoder.encode_images(pixels), abs=1e-5)


def test_texts_are_embedded_by_the_text_tower_without_torch(make: Make) -> None:
    folder = make(VIT)
    (folder / "torch.safetensors").unlink()
    found = on_cpu(folder).encode_texts(["a dog", "a car"])
    assert found.tolist() == OnnxEncoder(built_in()).encode_texts(["a dog", "a car"]).tolist()


# Text towers in torch, with the tokens of `mini`.
WORDS: dict[str, Any] = TEXT | {"context_length": 64, "vocab_size": 30522}
WORDS |= {"pool_type": "eos", "eos_id": 102}  # its end of text is no higher than other tokens
COCA_WORDS = WORDS | {"embed_cls": True, "output_tokens": True, "pad_id": 0}
LONG = "dog " * 100


@pytest.mark.parametrize(
    ("make_model", "text", "words"),
    [
        pytest.param(
            lambda: open_clip.CLIP(DIM, VIT, WORDS), WORDS, ["a dog", "two red cars", ""], id="CLIP"
        ),
        pytest.param(
            lambda: open_clip.CustomTextCLIP(DIM, VIT, WORDS), WORDS, ["a dog", LONG], id="custom"
        ),
        pytest.param(
            lambda: open_clip.CoCa(
                DIM, {key: WORDS[key] for key in TEXT}, COCA_WORDS, VISION["CoCa"]
            ),
            COCA_WORDS,
            ["a dog", LONG],
            id="CoCa",
        ),
    ],
)
def test_a_text_tower_that_could_not_be_exported_runs_in_torch(
    make: Make, make_model: Callable[[], torch.nn.Module], text: dict[str, Any], words: list[str]
) -> None:
    torch.manual_seed(0)
    model: Any = make_model().eval()
    parts = {name: part.contiguous() for name, part in model.state_dict().items()}
    encoder = on_cpu(make(VIT, save(parts), text))
    vectors = encoder.encode_texts(words)
    tokenizer = Tokenizer.from_file(str(built_in().path / "tokenizer.json"))
    tokenizer.enable_padding(length=64)
    tokenizer.enable_truncation(64)
    ids = torch.tensor([one.ids for one in tokenizer.encode_batch(words)])
    with torch.no_grad():
        expected = model.encode_text(ids, normalize=True).numpy()
    assert vectors.shape == (len(words), DIM)
    assert vectors == pytest.approx(expected, abs=1e-5)


def test_a_text_tower_of_transformers_is_refused_rather_than_fetched(make: Make) -> None:
    folder = make(VIT, save({}), {"hf_model_name": "xlm-roberta-base"})
    with pytest.raises(ModelError, match=r"the text tower is elsewhere, xlm-roberta-base"):
        on_cpu(folder).encode_texts(["a dog"])


def test_nothing_is_read_before_it_is_used(make: Make) -> None:
    folder = make(VIT)
    model = ModelFolder.open(folder)
    shutil.rmtree(folder)
    encoder = TorchEncoder(model, "cpu")
    assert encoder.identity == model.identity
    assert encoder.preprocessing == model.preprocessing
    assert encoder.calibration == model.calibration
    assert encoder.batch_size > 1


# Memory


class Small(torch.nn.Module):
    """A tower on a device that holds `most` pictures; `tried` are the sizes it was given."""

    def __init__(self, module: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.module, self.most = module, most
        self.tried: list[int] = []
        self.error: Exception = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.tried.append(len(pixels))
        if len(pixels) > self.most:
            raise self.error
        found: torch.Tensor = self.module(pixels)
        return found


def shrunk(encoder: TorchEncoder, most: int) -> Small:
    tower = encoder._loaded()
    tower.module = small = Small(tower.module, most)
    return small


def test_out_of_memory_halves_the_batch_and_goes_on(make: Make) -> None:
    encoder = on_cpu(make(VIT))
    pixels = noise(11)
    expected = encoder.encode_images(pixels)
    small = shrunk(encoder, most=3)
    assert encoder.encode_images(pixels) == pytest.approx(expected, abs=1e-5)
    assert small.tried == [8, 4, 2, 2, 2, 2, 2, 1]
    assert encoder.batch_size == 2
    encoder.encode_images(pixels[:4])  # and is not tried again
    assert small.tried[8:] == [2, 2]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("MPS backend out of memory (MPS allocated: 9.0 GiB)", id="Metal"),
        pytest.param("CUDA error: out of memory", id="pinned memory"),
        pytest.param("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `x`", id="cuBLAS"),
    ],
)
def test_a_lack_of_memory_is_told_by_its_words(make: Make, words: str) -> None:
    encoder = on_cpu(make(VIT))
    small = shrunk(encoder, most=2)
    small.error = RuntimeError(words)
    encoder.encode_images(noise(4))
    assert small.tried == [4, 2, 2]


def test_not_even_one_picture_fits(make: Make) -> None:
    encoder = on_cpu(make(VIT))
    small = shrunk(encoder, most=0)
    with pytest.raises(ModelError) as caught:
        encoder.encode_images(noise(3))
    assert str(caught.value) == (
        "memory ran out with a single picture, on cpu; "
        "close what else uses it, choose a smaller model, or take --device cpu"
    )
    assert small.tried == [3, 1]


def test_another_fault_is_not_taken_for_a_lack_of_memory(make: Make) -> None:
    encoder = on_cpu(make(VIT))
    shrunk(encoder, most=9).module = torch.nn.Linear(3, 3)
    with pytest.raises(ModelError, match=r"torch cannot run the model .*shapes"):
        encoder.encode_images(noise(2))


@pytest.mark.parametrize(
    "vision",
    [VIT | {"patch_size": 0}, VIT | {"width": 0}, VIT | {"pool_type": "odd"}, [1]],
    ids=["no patches", "no width", "pooled oddly", "a list"],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_description_that_is_none_is_one_line(make: Make, vision: Any) -> None:
    folder = make(VIT)
    described = json.loads((folder / "open_clip.json").read_text())
    described["model_cfg"]["vision_cfg"] = vision
    (folder / "open_clip.json").write_text(json.dumps(described))
    card = json.loads((folder / "model.json").read_text())
    content = (folder / "open_clip.json").read_bytes()
    card["sha256"]["open_clip.json"] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="torch cannot use the model") as caught:
        on_cpu(folder).encode_images(noise(1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pictures", "expected"), [(-5, 1), (0, 1), (1, 1), (2, 2), (3, 2), (255, 128), (256, 256)]
)
def test_a_power_of_two_below(pictures: int, expected: int) -> None:
    assert _power_of_two(pictures) == expected


# What is not loaded


def test_a_damaged_file_is_refused_by_its_digest(make: Make) -> None:
    for name in ("torch.safetensors", "open_clip.json"):
        folder = make(VIT)
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(ModelError) as caught:
            on_cpu(folder).encode_images(noise(1))
        assert str(caught.value) == (
            f"the model is damaged (wrong digest), at {folder / name}; reinstall vsearch"
        )
        shutil.rmtree(folder)


def test_missing_weights_are_told_with_their_name(make: Make) -> None:
    folder = make(VIT)
    (folder / "torch.safetensors").unlink()
    with pytest.raises(ModelError) as caught:
        on_cpu(folder).encode_images(noise(1))
    assert str(caught.value) == (
        "the model is not whole (No such file or directory), "
        f"at {folder / 'torch.safetensors'}; reinstall vsearch"
    )


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_in_place_of_the_weights_is_refused_unopened(make: Make, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    folder = make(VIT, weights=pickle.dumps({"visual.proj": Trap(sprung)}))
    with pytest.raises(ModelError, match=r"torch cannot use the model .*; reinstall vsearch"):
        on_cpu(folder).encode_images(noise(1))
    assert not sprung.exists()


@pytest.mark.parametrize(
    "vision",
    [
        pytest.param(VIT | {"layers": 3}, id="a layer more than the weights"),
        pytest.param(VIT | {"layers": 1}, id="a layer less"),
        pytest.param(VIT | {"width": 96, "head_width": 32}, id="other shapes"),
        pytest.param(VIT | {"unheard_of": 1}, id="a newer open_clip's"),
        pytest.param({"timm_model_name": "hf-hub:timm/resnet18"}, id="fetched from elsewhere"),
        pytest.param({"timm_model_name": "no_such_model"}, id="unknown to timm"),
        pytest.param({}, id="the default, which is larger"),
    ],
)
def test_an_unfit_configuration_is_a_model_error(
    make: Make, tmp_path: Path, vision: dict[str, Any]
) -> None:
    folder = make(VIT)
    weights = (folder / "torch.safetensors").read_bytes()
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match=r"torch cannot use the model \(.*\), at .*; reinstall"):
        on_cpu(make(vision, weights)).encode_images(noise(1))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(make: Make) -> None:
    folder = ModelFolder.open(make(VIT))
    with pytest.raises(ModelError, match=r"^torch .*, for --device cuda; .*--device cpu$"):
        TorchEncoder(folder, "cuda").encode_images(noise(1))


def test_operations_are_counted(make: Make) -> None:
    """Of a ViT: its patches, the dense layers and the attention of each layer, the projection."""
    each, per_second = on_cpu(make(VIT)).operations()
    tokens, width, side = 1 + (SIZE // 16) ** 2, 64, 16
    patches = (tokens - 1) * 3 * side**2 * width
    layer = tokens * width * (4 + 2 * 4) * width + 2 * tokens**2 * width
    assert each == pytest.approx(2 * (patches + 2 * layer + width * DIM), rel=0.02)
    assert per_second > 1e6
