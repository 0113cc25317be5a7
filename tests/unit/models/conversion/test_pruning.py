"""`prune_graph`: less is computed, the answer is the same, and what is not alike is left alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tiny_models import CONFIGS, tiny

from vsearch.models.conversion import towers
from vsearch.models.conversion.pruning import prune_graph
from vsearch.models.conversion.source import Source, load
from vsearch.models.onnx import run_tower

# Those that answer with their first token; the others with a mean, or with one they ask for.
FIRST_TOKEN = {"clip", "quickgelu", "eva", "coca"}


def pruned(source: Path, target: Path) -> Path:
    model = onnx.load(source)
    prune_graph(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
    return target


def exported(source: Source, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the image tower as torch exports it, not pruned."""
    folder.mkdir(exist_ok=True)
    path = folder / "image.onnx"
    with monkeypatch.context() as patch:
        patch.setattr(towers, "prune", lambda _: None)
        towers.export_image_tower(load(source, folder), source.preprocessing().size, path)
    return path


def computed(path: Path, given: np.ndarray) -> int:
    """Count the numbers that dense layers give."""
    import onnxruntime

    model = onnx.load(path)
    dense = [node.output[0] for node in model.graph.node if node.op_type == "MatMul"]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dense)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return sum(found.size for found in session.run(dense, {"pixel_values": given}))


@pytest.mark.parametrize("family", CONFIGS)
def test_towers_answer_as_before_with_less(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny(family)
    size = source.preprocessing().size
    whole = exported(source, tmp_path, monkeypatch)
    less = pruned(whole, tmp_path / "pruned.onnx")
    given = np.random.default_rng(0).normal(size=(3, 3, size, size)).astype(np.float32)
    assert run_tower(less)(given) == pytest.approx(run_tower(whole)(given), abs=1e-5)
    assert (computed(less, given) < computed(whole, given)) == (family in FIRST_TOKEN)


def test_three_of_the_last_dense_layers_see_one_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What leaves attention, and the two layers behind: 64, 256 and 64 numbers a token."""
    config = tiny("clip").model_cfg
    config = config | {"vision_cfg": config["vision_cfg"] | {"layers": 3}}
    whole = exported(replace(tiny("clip"), model_cfg=config), tmp_path, monkeypatch)
    less = pruned(whole, tmp_path / "pruned.onnx")
    given = np.zeros((2, 3, 32, 32), np.float32)
    tokens = 1 + (32 // 8) ** 2
    spared = computed(whole, given) - computed(less, given)
    assert spared == 2 * (tokens - 1) * (64 + 256 + 64)


def graph(*nodes: Any, place: int = 1, **constants: np.ndarray) -> onnx.ModelProto:
    """Return a model (n, 4, 6) -> the token `place` of "last"."""
    initializers = [numpy_helper.from_array(np.array(place), "place")]
    initializers += [numpy_helper.from_array(value, name) for name, value in constants.items()]
    taking = helper.make_node("Gather", ["last", "place"], ["embedding"], axis=1)
    made = helper.make_graph(
        [*nodes, taking], "tokens",
        [helper.make_tensor_value_info("x", 1, ["n", 4, 6])],
        [helper.make_tensor_value_info("embedding", 1, ["n", 6])], initializers,
    )  # fmt: skip
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    return model


WEIGHT = np.random.default_rng(1).normal(size=(6, 6)).astype(np.float32)
VECTOR, TOKENS = WEIGHT[0], WEIGHT[:4].copy()  # (6,), and another for each token (4, 6)


def node(kind: str, *names: str, **settings: Any) -> Any:
    *given, made = names
    return helper.make_node(kind, given, [made], **settings)


@pytest.mark.parametrize("place", [0, 1, 3, -1])
@pytest.mark.parametrize(
    ("nodes", "before"),
    [
        pytest.param([node("MatMul", "x", "w", "last")], "x", id="a dense layer"),
        pytest.param(
            [node("MatMul", "x", "w", "y"), node("Add", "y", "x", "last")], "x", id="two ways"
        ),
        pytest.param(
            [node("Softmax", "x", "y", axis=1), node("Mul", "y", "v", "last")], "y",
            id="behind what mixes tokens",
        ),
        pytest.param(
            [node("Add", "x", "t", "y"), node("MatMul", "y", "w", "last")], "y",
            id="behind what differs from token to token",
        ),
        pytest.param(
            [node("MatMul", "s", "x", "y"), node("Erf", "y", "last")], "y",
            id="behind a product from the left",
        ),
        pytest.param([node("Softmax", "x", "last", axis=-1)], None, id="nothing to spare"),
    ],
)  # fmt: skip
def test_a_token_is_taken_as_early_as_it_can_be(
    nodes: list[Any], before: str | None, place: int, tmp_path: Path
) -> None:
    used = {name for one in nodes for name in one.input}
    constants = {"w": WEIGHT, "v": VECTOR, "t": TOKENS, "s": WEIGHT[:4, :4].copy()}
    model = graph(
        *nodes, place=place, **{name: value for name, value in constants.items() if name in used}
    )
    onnx.save(model, tmp_path / "whole.onnx")
    given = np.random.default_rng(2).normal(size=(3, 4, 6)).astype(np.float32)
    less = pruned(tmp_path / "whole.onnx", tmp_path / "pruned.onnx")
    assert run_tower(less)(given) == pytest.approx(
        run_tower(tmp_path / "whole.onnx")(given), abs=1e-5
    )
    taken = [
        one.input[0] for one in onnx.load(less).graph.node
        if one.op_type == "Gather" and one.output[0] != "embedding"
    ]  # fmt: skip
    assert taken == ([before] if before else [])


def test_two_tokens_may_be_taken_from_one_tensor(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x", "w", "a"), node("MatMul", "x", "w", "last")]
    nodes += [node("Gather", "a", "place", "other", axis=1)]
    model = graph(*nodes, w=WEIGHT)
    model.graph.output.append(helper.make_tensor_value_info("other", 1, ["n", 6]))
    onnx.save(model, tmp_path / "whole.onnx")
    less = pruned(tmp_path / "whole.onnx", tmp_path / "pruned.onnx")
    given = np.random.default_rng(2).normal(size=(3, 4, 6)).astype(np.float32)
    assert run_tower(less)(given) == pytest.approx((given @ WEIGHT)[:, 1], abs=1e-5)


def test_an_exported_tower_is_pruned_and_then_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(tiny("clip"), tmp_path)
    towers.export_image_tower(model, 32, tmp_path / "image.onnx")
    whole = exported(tiny("clip"), tmp_path / "again", monkeypatch)
    given = np.zeros((1, 3, 32, 32), np.float32)
    assert computed(tmp_path / "image.onnx", given) < computed(whole, given)

    def wrong(path: Path) -> None:
        broken = onnx.load(path)
        for one in broken.graph.node:
            if one.op_type == "Gather" and one.output[0].endswith("Gather_3_output_0"):
                broken.graph.initializer.append(numpy_helper.from_array(np.array(3), "third"))
                one.input[1] = "third"  # another token than the model takes
        onnx.save(broken, path)

    monkeypatch.setattr(towers, "prune", wrong)
    with pytest.raises(towers.TowerUnexportable, match="answers differently"):
        towers.export_image_tower(model, 32, tmp_path / "wrong.onnx")


def test_what_is_needed_elsewhere_is_computed_whole(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x", "w", "y"), node("Erf", "y", "last")]
    nodes += [node("Erf", "last", "again"), node("Softmax", "again", "other", axis=1)]
    model = graph(*nodes, w=WEIGHT)
    model.graph.output.append(helper.make_tensor_value_info("other", 1, ["n", 4, 6]))
    before = [one.SerializeToString() for one in model.graph.node]
    prune_graph(model.graph)
    assert [one.SerializeToString() for one in model.graph.node] == before
