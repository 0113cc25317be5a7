"""The figures on embeddings whose answers can be counted by hand, and which precision is taken."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsearch.models.conversion import fidelity
from vsearch.models.conversion.fidelity import Answers, Fidelity


def answers(embeddings: np.ndarray, ms: float = 1.0, size: int = 100) -> Answers:
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return Answers(unit.astype(np.float32), ms, size)


def random(seed: int, count: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 16))


def test_float32_equals_itself() -> None:
    image, text = {"fp32": answers(random(0))}, {"fp32": answers(random(1))}
    (found,) = fidelity.compare(image, text)  # type: ignore[arg-type]
    assert found.image_cosine == pytest.approx(1)
    assert found.text_cosine == pytest.approx(1)
    assert (found.image_overlap, found.text_overlap) == (1, 1)
    assert found.faithful


def test_the_cosine_is_the_worst_of_all() -> None:
    exact = random(0)
    turned = exact.copy()
    turned[7] = -turned[7]
    image = {"fp32": answers(exact), "int8": answers(turned)}
    found = {
        each.image: each
        for each in fidelity.compare(image, {"fp32": answers(random(1))})  # type: ignore[arg-type]
    }
    assert found["int8"].image_cosine == pytest.approx(-1)
    assert not found["int8"].faithful


def test_the_overlap_is_the_share_of_the_ten_best_that_stay() -> None:
    """Eleven pictures on a line of similarity; the caption's eleventh best comes into its ten."""
    angles = np.linspace(0.1, 1.1, 11)
    exact = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    swapped = exact.copy()
    swapped[[9, 10]] = swapped[[10, 9]]
    text = {"fp32": answers(np.array([[1.0, 0.0]]))}
    image = {"fp32": answers(exact), "int8": answers(swapped)}
    found = {
        each.image: each.text_overlap
        for each in fidelity.compare(image, text)  # type: ignore[arg-type]
    }
    assert found == {"fp32": 1.0, "int8": pytest.approx(0.9)}


def test_a_picture_is_no_answer_to_itself() -> None:
    similar = fidelity._similar(answers(random(0)).embeddings)
    assert (similar.argmax(axis=1) != np.arange(30)).all()


BASE = Fidelity("fp32", "fp32", 1, 1, 1, 1, image_ms=100, text_ms=10, bytes=1000)


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        pytest.param({"image_ms": 40}, True, id="quicker"),
        pytest.param({"image_ms": 40, "image_cosine": 0.9949}, False, id="pictures drift"),
        pytest.param({"image_ms": 40, "text_cosine": 0.9949}, False, id="texts drift"),
        pytest.param({"image_ms": 40, "image_overlap": 0.949}, False, id="other neighbours"),
        pytest.param({"image_ms": 40, "text_overlap": 0.949}, False, id="other answers"),
        pytest.param({"image_ms": 40, "image_cosine": 0.995, "text_overlap": 0.95}, True, id="at"),
        pytest.param({"image_ms": 105, "bytes": 500}, True, id="about as quick, smaller"),
        pytest.param({"image_ms": 115, "bytes": 500}, False, id="slower, smaller"),
        pytest.param({"text_ms": 5}, True, id="quicker texts"),
        pytest.param({"image_ms": 40, "text_ms": 50}, True, id="pictures count first"),
    ],
)
def test_the_quickest_faithful_one_is_taken(other: dict[str, float], taken: bool) -> None:
    candidate = replace(BASE, image="int8", text="int8", **other)  # type: ignore[arg-type]
    assert (fidelity.choose([BASE, candidate]) is candidate) == taken


def test_probes_are_small_pictures_with_captions() -> None:
    pictures, captions = fidelity.probe_pictures(), fidelity.probe_captions()
    assert len(pictures) == len(captions) == len(set(captions)) >= 30
    names = sorted(fidelity.PROBES.glob("*.jpg"))
    assert len(names) == len(pictures)
    for path in names:
        with Image.open(path) as image:
            assert min(image.size) <= 256


def test_every_probe_is_credited() -> None:
    lines = (fidelity.PROBES / "CREDITS.md").read_text("utf-8")
    for path in fidelity.PROBES.glob("*.jpg"):
        line = next(line for line in lines.splitlines() if line.startswith(f"| {path.name} "))
        assert any(licence in line for licence in ("CC0", "Public domain", "CC BY")), path.name
        assert "GPL" not in line


def test_measuring_runs_each_input_alone(tmp_path: Path) -> None:
    import onnx

    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["embedding"])], "same",
        [onnx.helper.make_tensor_value_info("x", 1, [1, 2])],
        [onnx.helper.make_tensor_value_info("embedding", 1, [1, 2])],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.save(model, tmp_path / "same.onnx")
    inputs = [np.array([[n, 1.0]], np.float32) for n in range(3)]
    found = fidelity.measure(tmp_path / "same.onnx", inputs)
    assert found.embeddings.tolist() == [[0, 1], [1, 1], [2, 1]]
    assert found.ms > 0
    assert found.bytes == (tmp_path / "same.onnx").stat().st_size
