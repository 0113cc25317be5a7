"""A float32 ONNX graph -> the same graph with smaller numbers. The owner of `onnx`.

    fp32    as exported
    fp16    weights stored as float16 and computed in float32: half the file, the same speed
    int8    dense layers multiply int8 by uint8: weights scaled for each output column, activations
            for each call (Jacob et al., "Quantization and Training of Neural Networks for Efficient
            Integer-Arithmetic-Only Inference", 2018); the fastest where the CPU has VNNI
    int8b   weights scaled in blocks of `BLOCK`, activations for each row and block of it: nearer to
            float32 where single activations stick out, and slower

Only dense layers and embedding tables change; in the int8 forms a table has a scale for each of
its rows, and the convolution that cuts a picture into patches is written as the dense layer it is.
Other convolutions and the rest stay as they are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

Precision = Literal["fp32", "fp16", "int8", "int8b"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

BLOCK = 64
_INSIDE = 1 << 20  # bytes of numbers that may stay within the graph's file; protobuf's hold 2 GB
# Pixels a side. What cuts a picture finer is the first of many convolutions, not of dense layers.
_SMALLEST_PATCH = 8


def write(source: Path, precision: Precision, target: Path) -> None:
    """Write the float32 graph in `source` to `target` in another precision.

    The numbers of all but the smallest graphs lie beside it in `target`.data.
    """
    import onnx

    model = onnx.load(source)
    if precision != "fp32":
        _Graph(model.graph).rewrite(precision)
        if precision in ("int8", "int8b"):
            model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    data = target.with_name(f"{target.name}.data")
    data.unlink(missing_ok=True)
    large = model.ByteSize() > _INSIDE
    onnx.save(model, target, save_as_external_data=large, location=data.name if large else None)


@dataclass(frozen=True, slots=True)
class _Dense:
    """A dense layer: y = x @ weight + bias, written as MatMul (and Add) or as Gemm."""

    x: str
    weight: NDArray[np.float32]  # (inputs, outputs)
    bias: str
    y: str
    nodes: tuple[Any, ...]


class _Graph:
    """The graph being rewritten, and who uses what in it."""

    def __init__(self, graph: Any) -> None:  # noqa: ANN401  # onnx's protobuf classes are untyped
        self.graph = graph
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self._join_equal_constants()
        self.uses = Counter(name for node in graph.node for name in node.input)
        self.uses.update(output.name for output in graph.output)
        self.consumer = {name: node for node in graph.node for name in node.input}

    def _join_equal_constants(self) -> None:
        """Use a constant under its one name: the exporter writes Identity for each equal one."""
        names: dict[str, str] = {}
        nodes = []
        for node in self.graph.node:
            source = node.input[0] if node.op_type == "Identity" else ""
            if (source := names.get(source, source)) in self.constants:
                names[node.output[0]] = source
                continue
            for place, name in enumerate(node.input):
                node.input[place] = names.get(name, name)
            nodes.append(node)
        del self.graph.node[:]
        self.graph.node.extend(nodes)

    def rewrite(self, precision: Precision) -> None:
        """Replace every dense layer and embedding table; drop the numbers nobody uses any more."""
        replaced: dict[str, list[Any]] = {}  # by the output of a layer's last node
        gone: set[str] = set()
        for dense in list(self._dense_layers()):
            new = self._half(dense) if precision == "fp16" else self._int8(dense, precision)
            if new:
                gone.update(node.output[0] for node in dense.nodes)
                replaced[dense.y] = new
        for node in self.graph.node:
            new = []
            if node.op_type == "Gather" and self._is_table(node):
                new = self._table(node, precision)
            elif node.op_type == "Conv" and precision in ("int8", "int8b"):
                new = self._patches(node, precision)
            if new:
                gone.add(node.output[0])
                replaced[node.output[0]] = new
        nodes = []
        for node in self.graph.node:
            output = node.output[0] if node.output else ""
            nodes += replaced.get(output, [] if output in gone else [node])
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        used = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)

    def _dense_layers(self) -> Iterator[_Dense]:
        for node in self.graph.node:
            if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in self.constants:
                continue
            weight = self._array(node.input[1])
            if weight.ndim != 2 or weight.dtype != "float32":
                continue
            if node.op_type == "Gemm":
                settings = {item.name: item for item in node.attribute}
                plain = all(
                    settings[name].f == 1.0 for name in ("alpha", "beta") if name in settings
                )
                if not plain or ("transA" in settings and settings["transA"].i):
                    continue
                if "transB" in settings and settings["transB"].i:
                    weight = weight.T
                bias = node.input[2] if len(node.input) > 2 else ""
                yield _Dense(node.input[0], weight, bias, node.output[0], (node,))
                continue
            after = self.consumer.get(node.output[0])
            bias = self._bias(node.output[0], after, weight.shape[1])
            if bias and after is not None:
                yield _Dense(node.input[0], weight, bias, after.output[0], (node, after))
            else:
                yield _Dense(node.input[0], weight, "", node.output[0], (node,))

    def _bias(self, product: str, after: Any, columns: int) -> str:  # noqa: ANN401
        """Return the name of the vector that the only user of `product` adds to it, or ""."""
        if after is None or after.op_type != "Add" or self.uses[product] != 1:
            return ""
        other = next((name for name in after.input if name != product), "")
        tensor = self.constants.get(other)
        return other if tensor is not None and list(tensor.dims) == [columns] else ""

    def _is_table(self, node: Any) -> bool:  # noqa: ANN401
        """Whether a Gather picks rows of a large constant: an embedding of tokens."""
        tensor = self.constants.get(node.input[0])
        axis = next((item.i for item in node.attribute if item.name == "axis"), 0)
        return tensor is not None and axis == 0 and len(tensor.dims) == 2 and tensor.dims[0] > 1000

    def _half(self, dense: _Dense) -> list[Any]:
        """Weights in float16, widened when the model is loaded."""
        import numpy as np
        from onnx import helper

        stored = self._constant(f"{dense.y}.fp16", dense.weight.astype(np.float16))
        wide = f"{stored}.wide"
        cast = helper.make_node("Cast", [stored], [wide], to=1)
        return [cast, *_product("MatMul", [dense.x, wide], dense)]

    def _int8(self, dense: _Dense, precision: Precision) -> list[Any]:
        import numpy as np
        from onnx import helper

        inputs, outputs = dense.weight.shape
        if precision == "int8":
            scale = _scale(np.abs(dense.weight).max(axis=0))  # (outputs,)
            weight = np.rint(dense.weight / scale).astype(np.int8)
            names = [
                dense.x,
                self._constant(f"{dense.y}.int8", weight),
                self._constant(f"{dense.y}.scale", scale),
                self._constant(f"{dense.y}.zero", np.zeros(outputs, np.int8)),
                dense.bias,
            ]
            node = helper.make_node(
                "DynamicQuantizeMatMul", names, [dense.y], domain="com.microsoft"
            )
            return [node]
        if inputs % BLOCK:
            return []
        blocks = dense.weight.T.reshape(outputs, inputs // BLOCK, BLOCK)
        scale = _scale(np.abs(blocks).max(axis=2))  # (outputs, blocks)
        weight = (np.rint(blocks / scale[..., None]) + 128).astype(np.uint8)
        names = [
            dense.x,
            self._constant(f"{dense.y}.int8", weight),
            self._constant(f"{dense.y}.scale", scale),
            "", "", dense.bias,
        ]  # fmt: skip
        node = helper.make_node(
            "MatMulNBits",
            names if dense.bias else names[:3],
            [dense.y],
            domain="com.microsoft",
            K=inputs, N=outputs, bits=8, block_size=BLOCK,
            accuracy_level=4,  # activations in int8 too
        )  # fmt: skip
        return [node]

    def _patches(self, node: Any, precision: Precision) -> list[Any]:  # noqa: ANN401  # untyped
        """Write a convolution over patches of the input as a dense layer; [] for any other.

        Its kernel is as large as its stride, so that each pixel is in one patch, or in none at the
        right and lower edge. For a ViT-B/32 that takes a quarter of the convolution's time.
        """
        import numpy as np
        from onnx import helper

        (given,) = (item for item in self.graph.input if item.name not in self.constants)
        if node.input[0] != given.name or node.input[1] not in self.constants:
            return []
        kernel = self._array(node.input[1])  # (outputs, channels, patch, patch)
        outputs, channels, patch = kernel.shape[:3]
        settings = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if (
            kernel.shape != (outputs, channels, patch, patch)
            or patch < _SMALLEST_PATCH
            or settings.get("strides") != [patch, patch]
            or any(settings.get("pads", ()))
            or settings.get("group", 1) != 1
            or any(dilation != 1 for dilation in settings.get("dilations", ()))
        ):
            return []
        y = node.output[0]
        rows, columns = (side.dim_value // patch for side in given.type.tensor_type.shape.dim[2:])
        dense = _Dense(
            f"{y}.patches",
            kernel.reshape(outputs, -1).T,
            node.input[2] if len(node.input) > 2 else "",
            f"{y}.embedded",
            (node,),
        )
        layer = self._int8(dense, precision)
        if not layer:
            return []

        def shape(name: str, *sides: int) -> str:
            return self._constant(f"{y}.{name}", np.array(sides, np.int64))

        return [
            helper.make_node(
                "Slice",
                [
                    given.name,
                    shape("first", 0, 0),
                    shape("last", rows * patch, columns * patch),
                    shape("axes", 2, 3),
                ],
                [f"{y}.whole"],
            ),
            helper.make_node(
                "Reshape",
                [f"{y}.whole", shape("cut", -1, channels, rows, patch, columns, patch)],
                [f"{y}.cut_up"],
            ),
            helper.make_node(
                "Transpose", [f"{y}.cut_up"], [f"{y}.gathered"], perm=[0, 2, 4, 1, 3, 5]
            ),
            helper.make_node(
                "Reshape",
                [f"{y}.gathered", shape("flat", -1, rows * columns, channels * patch**2)],
                [f"{y}.patches"],
            ),
            *layer,
            helper.make_node("Transpose", [f"{y}.embedded"], [f"{y}.channels"], perm=[0, 2, 1]),
            helper.make_node(
                "Reshape", [f"{y}.channels", shape("grid", -1, outputs, rows, columns)], [y]
            ),
        ]

    def _table(self, node: Any, precision: Precision) -> list[Any]:  # noqa: ANN401
        """Pick rows first and widen only those: the table stays small in memory."""
        import numpy as np
        from onnx import helper

        table, name, y = self._array(node.input[0]), node.input[0], node.output[0]
        rows = node.input[1]
        if precision == "fp16":
            stored = self._constant(f"{name}.fp16", table.astype(np.float16))
            return [
                helper.make_node("Gather", [stored, rows], [f"{y}.narrow"], axis=0),
                helper.make_node("Cast", [f"{y}.narrow"], [y], to=1),
            ]
        scale = _scale(np.abs(table).max(axis=1, keepdims=True))  # (rows, 1)
        stored = self._constant(f"{name}.int8", np.rint(table / scale).astype(np.int8))
        scales = self._constant(f"{name}.scale", scale)
        return [
            helper.make_node("Gather", [stored, rows], [f"{y}.narrow"], axis=0),
            helper.make_node("Gather", [scales, rows], [f"{y}.scale"], axis=0),
            helper.make_node("Cast", [f"{y}.narrow"], [f"{y}.wide"], to=1),
            helper.make_node("Mul", [f"{y}.wide", f"{y}.scale"], [y]),
        ]

    def _array(self, name: str) -> NDArray[Any]:
        from onnx import numpy_helper

        array: NDArray[Any] = numpy_helper.to_array(self.constants[name])
        return array

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        import numpy as np
        from onnx import numpy_helper

        if name not in self.constants:
            tensor = numpy_helper.from_array(np.ascontiguousarray(value), name)
            self.graph.initializer.append(tensor)
            self.constants[name] = tensor
        return name


def _product(kind: str, names: list[str], dense: _Dense) -> list[Any]:
    """Return the nodes of a product and, where the layer has one, of its bias."""
    from onnx import helper

    if not dense.bias:
        return [helper.make_node(kind, names, [dense.y])]
    product = f"{dense.y}.product"
    return [
        helper.make_node(kind, names, [product]),
        helper.make_node("Add", [product, dense.bias], [dense.y]),
    ]


def _scale(largest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what 1 means in int8 so that `largest` is 127; 1 where all is zero."""
    import numpy as np

    scale = np.where(largest > 0, largest / 127, 1)
    return scale.astype(np.float32)
