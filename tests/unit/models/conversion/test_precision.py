"""Each precision of a real tower: near to float32, smaller, and only what it says it changes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_models import tiny
from unit.models.conversion.test_towers import token_ids

from vsearch.models.conversion import precision, towers
from vsearch.models.conversion.precision import Precision
from vsearch.models.conversion.source import Source, load
from vsearch.models.onnx import run_tower

CLOSE: dict[Precision, float] = {"fp32": 1e-6, "fp16": 1e-5, "int8": 1e-3, "int8b": 1e-3}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("towers")
    source = tiny("clip")
    model = load(source, folder)
    towers.export_image_tower(model, 32, folder / "image.onnx")
    towers.export_text_tower(model, *token_ids(77), folder / "text.onnx")
    return folder


@pytest.mark.parametrize("kind", precision.PRECISIONS)
@pytest.mark.parametrize("tower", ["image", "text"])
def test_answers_stay_near(exported: Path, tmp_path: Path, tower: str, kind: Precision) -> None:
    source, target = exported / f"{tower}.onnx", tmp_path / f"{tower}.onnx"
    precision.write(source, kind, target)
    onnx.checker.check_model(onnx.load(target), full_check=kind in ("fp32", "fp16"))
    if tower == "image":
        given = np.random.default_rng(2).normal(size=(8, 3, 32, 32)).astype(np.float32)
    else:
        given = token_ids(77)[0]
    exact, found = run_tower(source)(given), run_tower(target)(given)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.einsum("nd,nd->n", found, exact).min() > 1 - CLOSE[kind]
    if kind != "fp32":
        assert found.tolist() != exact.tolist()  # something did change


@pytest.mark.parametrize(("kind", "share"), [("fp16", 0.51), ("int8", 0.28), ("int8b", 0.30)])
def test_files_shrink(exported: Path, tmp_path: Path, kind: Precision, share: float) -> None:
    source, target = exported / "text.onnx", tmp_path / "text.onnx"
    precision.write(source, kind, target)
    written = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert written < share * source.stat().st_size


@pytest.mark.parametrize("kind", ["fp16", "int8", "int8b"])
def test_no_float32_weights_of_dense_layers_remain(
    exported: Path, tmp_path: Path, kind: Precision
) -> None:
    precision.write(exported / "image.onnx", kind, tmp_path / "image.onnx")
    graph = onnx.load(tmp_path / "image.onnx").graph
    floats = {
        tensor.name for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2
    }  # fmt: skip
    multiplied = {
        name for node in graph.node if node.op_type in ("MatMul", "Gemm") for name in node.input
    }
    assert not floats & multiplied


def test_batches_answer_as_single_pictures_do_unless_int8(exported: Path, tmp_path: Path) -> None:
    """In "int8" activations are scaled a call at a time; that is why it runs one at a time."""
    given = np.random.default_rng(3).normal(size=(4, 3, 32, 32)).astype(np.float32)
    given[0] *= 20
    for kind in precision.PRECISIONS:
        precision.write(exported / "image.onnx", kind, tmp_path / "image.onnx")
        run = run_tower(tmp_path / "image.onnx")
        alone = np.concatenate([run(one[None]) for one in given])
        same = np.abs(run(given) - alone).max() < 1e-5
        assert same == (kind != "int8"), kind


def clip(**vision: int) -> Source:
    """Return the tiny CLIP with another image tower."""
    source = tiny("clip")
    config = source.model_cfg | {"vision_cfg": source.model_cfg["vision_cfg"] | vision}
    return replace(source, model_cfg=config)


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path, load_external_data=False).graph.node}


@pytest.mark.parametrize("kind", ["int8", "int8b"])
@pytest.mark.parametrize(
    ("size", "patch"), [(32, 8), (36, 8), (16, 16)], ids=["whole", "with a rest", "one patch"]
)
def test_patches_are_cut_and_multiplied(
    tmp_path: Path, size: int, patch: int, kind: Precision
) -> None:
    model = load(clip(image_size=size, patch_size=patch), tmp_path)
    towers.export_image_tower(model, size, tmp_path / "image.onnx")
    precision.write(tmp_path / "image.onnx", kind, tmp_path / "made.onnx")
    assert "Conv" in operators(tmp_path / "image.onnx")
    assert "Conv" not in operators(tmp_path / "made.onnx")
    given = np.random.default_rng(4).normal(size=(1, 3, size, size)).astype(np.float32)
    # Not the same everywhere: a transposed or shifted patch would be another picture.
    given *= np.linspace(0, 2, size, dtype=np.float32)
    exact = run_tower(tmp_path / "image.onnx")(given)
    assert float((run_tower(tmp_path / "made.onnx")(given) @ exact.T).item()) > 1 - CLOSE[kind]


@pytest.mark.parametrize("family", ["resnet", "convnext", "mobileclip"])
def test_other_convolutions_stay(tmp_path: Path, family: str) -> None:
    source = tiny(family)
    size = source.preprocessing().size
    towers.export_image_tower(load(source, tmp_path), size, tmp_path / "image.onnx")
    precision.write(tmp_path / "image.onnx", "int8", tmp_path / "made.onnx")
    before, after = (
        [node.op_type for node in onnx.load(tmp_path / name).graph.node].count("Conv")
        for name in ("image.onnx", "made.onnx")
    )
    assert before == after > 0


def test_equal_constants_are_one(tmp_path: Path) -> None:
    """The exporter writes an Identity for each further one: a bias behind it is a bias still."""
    towers.export_image_tower(load(clip(layers=3), tmp_path), 32, tmp_path / "image.onnx")
    assert "Identity" in operators(tmp_path / "image.onnx")
    for kind in ("fp16", "int8", "int8b"):
        precision.write(tmp_path / "image.onnx", kind, tmp_path / f"{kind}.onnx")
        assert "Identity" not in operators(tmp_path / f"{kind}.onnx")


def test_zero_weights_stay_zero(tmp_path: Path) -> None:
    zero = onnx.numpy_helper.from_array(np.zeros((64, 3), np.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["embedding"])], "zero",
        [onnx.helper.make_tensor_value_info("x", 1, ["n", 64])],
        [onnx.helper.make_tensor_value_info("embedding", 1, ["n", 3])], [zero],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.save(model, tmp_path / "zero.onnx")
    for kind in precision.PRECISIONS:
        precision.write(tmp_path / "zero.onnx", kind, tmp_path / f"{kind}.onnx")
        assert run_tower(tmp_path / f"{kind}.onnx")(np.ones((2, 64), np.float32)).tolist() == [
            [0, 0, 0],
            [0, 0, 0],
        ]


def test_numbers_lie_beside_the_graph(exported: Path, tmp_path: Path) -> None:
    target = tmp_path / "text.onnx"
    precision.write(exported / "text.onnx", "fp32", target)
    assert target.stat().st_size < 200_000 < (tmp_path / "text.onnx.data").stat().st_size
    precision.write(exported / "text.onnx", "int8", target)  # written again, not added to
    assert (tmp_path / "text.onnx.data").stat().st_size < 4_000_000
    given = token_ids(77)[0]
    wanted = run_tower(exported / "text.onnx")(given)
    assert run_tower(target)(given) == pytest.approx(wanted, abs=0.05)
