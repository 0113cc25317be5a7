"""open_clip model -> model folder: every step in order.

    checkpoint -> tokenizer -> towers in float32 -> precisions, measured -> one chosen -> published

Works in a folder beside the target and publishes it by one rename. Interrupted, the next try goes
on after the last whole step.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vsearch.errors import ModelError
from vsearch.models.card import FORMAT
from vsearch.models.conversion import fidelity, precision, towers
from vsearch.models.conversion.fidelity import Answers, Fidelity
from vsearch.models.conversion.precision import Precision
from vsearch.models.conversion.source import Source, load, load_tokenizer
from vsearch.models.conversion.tokenizers import to_tokenizer_json
from vsearch.models.folder import ModelFolder, TextInput, checksum_of, digest_of
from vsearch.models.onnx import normalised, optimise
from vsearch.models.tokenizer import Tokenizer
from vsearch.models.torch import CONFIG, WEIGHTS, TorchEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.conversion.source import OpenClip
    from vsearch.records import Preprocessing

    Prepare = Callable[[bytes, Preprocessing], NDArray[np.uint8]]

Wanted = Literal["auto", "fp32", "fp16", "int8", "bf16"]
STEPS = 5  # raised when a step comes to give something else: what an older version left is redone

# What each wish lets the measurement choose from; bf16 is torch's affair, its texts go by "auto".
_CANDIDATES: dict[Wanted, tuple[Precision, ...]] = {
    "auto": ("fp32", "fp16", "int8", "int8b"),
    "fp32": ("fp32",),
    "fp16": ("fp16",),
    "int8": ("int8", "int8b"),
    "bf16": ("fp32", "fp16", "int8", "int8b"),
}
_IN_TORCH: tuple[Literal["fp32", "bf16"], ...] = ("fp32", "bf16")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion gave: the folder, and a line for what could not be done as wished."""

    folder: ModelFolder
    remark: str | None


def convert(
    source: Source,
    wanted: Wanted,
    target: Path,
    *,
    prepare: Prepare,
    torch_weights: bool = False,
    step: Callable[[str], None] = lambda _: None,
) -> Conversion:
    """Make the model folder `target`, in place of one that is there, and return it.

    `prepare` turns a picture file into what the model reads: (size, size, 3) uint8. `torch_weights`
    asks for what a GPU needs as well; a tower that ONNX cannot hold needs it anyway. `step` is told
    what is going on. Raises ModelError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _work_folder(target, source) as work:
        return _Conversion(source, wanted, work, prepare, step).run(target, torch_weights)


class _Conversion:
    """One conversion, step by step, in its work folder."""

    def __init__(
        self,
        source: Source,
        wanted: Wanted,
        work: Path,
        prepare: Prepare,
        step: Callable[[str], None],
    ) -> None:
        self.source = source
        self.wanted = wanted
        self.work = work
        self.prepare = prepare
        self.step = step
        self.preprocessing = source.preprocessing()
        self.remarks: list[str] = []
        self._model: OpenClip | None = None

    def run(self, target: Path, torch_weights: bool) -> Conversion:
        """Take every step and publish the folder."""
        text_card, text_fields = self._tokenizer()
        facts = self._towers(text_card)
        chosen = self._choose(text_card, facts)
        made = self.work / "folder"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        (made / "tokenizer.json").write_bytes((self.work / "tokenizer.json").read_bytes())
        precisions: dict[str, Precision] = (
            {"image": chosen.image, "text": chosen.text}
            if chosen is not None
            else {
                tower: "fp32" for tower in ("image", "text") if tower not in facts["left_to_torch"]
            }
        )
        for tower, kind in precisions.items():
            self._write_tower(tower, kind, made)
        if torch_weights or self.wanted == "bf16" or chosen is None:
            self.step("writing the weights for torch")
            self._write_torch(made, text_too="text" not in precisions)
        card = self._card(made, text_fields, facts, chosen, precisions)
        _write_card(made, card)
        if "torch" in card:
            self._measure_torch(ModelFolder.open(made), card)
            _write_card(made, card)
        if target.exists():  # made again: the old one goes only now
            target.rename(self.work / "replaced")
        made.rename(target)
        return Conversion(ModelFolder.open(target), "; ".join(self.remarks) or None)

    # The steps

    def _tokenizer(self) -> tuple[TextInput, dict[str, Any]]:
        """Write tokenizer.json; return what model.json says about texts."""
        content, fields = to_tokenizer_json(load_tokenizer(self.source))
        _write(self.work / "tokenizer.json", content)
        return TextInput.from_card(fields), fields

    def _towers(self, text_input: TextInput) -> dict[str, Any]:
        """Export both towers, once; return what is known of them.

        "padding" says how texts are padded; "left_to_torch" by tower why there is no graph of it.
        Raises TowerUnexportable for a text tower that torch could not run from the folder either.
        """
        done = self.work / "towers.json"
        if done.exists():
            found: dict[str, Any] = json.loads(done.read_text("utf-8"))
            return found
        model = self._loaded()
        facts: dict[str, Any] = {
            "dim": self._dim(model),
            "parameters": sum(one.numel() for one in model.parameters()),
            "logit_scale": float(model.logit_scale.detach().exp()),
            "logit_bias": None if model.logit_bias is None else float(model.logit_bias.detach()),
            "padding": "context",
            "left_to_torch": {},
        }
        self.step("exporting the image tower")
        size = self.preprocessing.size
        try:
            with self._place("image") as path:
                towers.export_image_tower(model, size, path)
        except towers.TowerUnexportable as error:
            facts["left_to_torch"]["image"] = str(error)
        self.step("exporting the text tower")
        ids, mask = self._tokens(text_input)
        lengths = mask.sum(axis=1).tolist()
        try:
            with self._place("text") as path:
                facts["padding"] = towers.export_text_tower(model, ids, lengths, path)
        except towers.TowerUnexportable as error:
            if self.source.text_config is not None:
                raise  # torch would have to ask the hub for it at every start
            facts["left_to_torch"]["text"] = str(error)
        _write(done, json.dumps(facts).encode())
        return facts

    @contextmanager
    def _place(self, tower: str) -> Iterator[Path]:
        """Lend the path for a tower's graph, in a folder of its own that is whole or not there.

        What outgrows one file is written as several beside it.
        """
        part, whole = self.work / f"{tower}.part", self.work / tower
        for folder in (part, whole):
            shutil.rmtree(folder, ignore_errors=True)
        part.mkdir()
        yield part / "tower.onnx"
        part.rename(whole)

    def _choose(self, text_input: TextInput, facts: dict[str, Any]) -> Fidelity | None:
        """Measure what each precision does and take one for each tower.

        None where a tower is left to torch; what there is a graph of then stays in float32.
        """
        if facts["left_to_torch"]:
            self.remarks += facts["left_to_torch"].values()
            return None
        done = self.work / f"chosen-{self.wanted}.json"
        if done.exists():
            return Fidelity(**json.loads(done.read_text("utf-8")))
        pictures = [
            normalised(self.prepare(data, self.preprocessing)[None], self.preprocessing)
            for data in fidelity.probe_pictures()
        ]
        ids, mask = self._tokens(text_input)
        lengths = mask.sum(axis=1).tolist()
        whole = facts["padding"] == "context"
        texts = [
            ids[place : place + 1, : None if whole else length]
            for place, length in enumerate(lengths[1:], start=1)  # the first is not a caption
        ]
        wanted = _CANDIDATES[self.wanted]
        measured: dict[str, dict[Precision, Answers]] = {"image": {}, "text": {}}
        for tower, inputs in (("image", pictures), ("text", texts)):
            for kind in dict.fromkeys(("fp32", *wanted)):
                self.step(f"measuring the {tower} tower in {kind}")
                measured[tower][kind] = self._measure(tower, kind, inputs)
        found = [
            each
            for each in fidelity.compare(measured["image"], measured["text"])
            if each.image in wanted and each.text in wanted
        ]
        if any(each.faithful for each in found):
            chosen = fidelity.choose(found)
        else:  # asked for, and not as near to float32 as we would choose ourselves
            chosen = max(found, key=lambda each: each.image_cosine + each.text_cosine)
            self._warn(self.wanted, min(chosen.image_cosine, chosen.text_cosine))
        _write(done, json.dumps(asdict(chosen)).encode())
        return chosen

    def _measure(self, tower: str, kind: Precision, inputs: list[NDArray[Any]]) -> Answers:
        place = self.work / "candidate"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        self._write_tower(tower, kind, place)
        answers = fidelity.measure(place / f"{tower}.onnx", inputs)
        shutil.rmtree(place)
        return answers

    def _write_tower(self, tower: str, kind: Precision, place: Path) -> None:
        """Write a tower in one precision to the folder `place`, ready to be loaded quickly."""
        plain = self.work / "plain"
        shutil.rmtree(plain, ignore_errors=True)
        plain.mkdir()
        precision.write(self._exported(tower), kind, plain / "tower.onnx")
        optimise(plain / "tower.onnx", place / f"{tower}.onnx", fold=kind != "fp16")
        shutil.rmtree(plain)

    def _write_torch(self, made: Path, *, text_too: bool) -> None:
        """Write what the torch encoder reads: the weights and the architecture."""
        from safetensors.torch import save_file

        weights = {
            name: value.contiguous()
            for name, value in self._loaded().state_dict().items()
            if text_too or name.startswith("visual.")
        }
        save_file(weights, made / WEIGHTS)
        config = {
            "model_cfg": self.source.model_cfg,
            "preprocess_cfg": self.source.preprocess_cfg,
        }
        (made / CONFIG).write_text(json.dumps(config, indent=1), "utf-8")

    def _measure_torch(self, folder: ModelFolder, card: dict[str, Any]) -> None:
        """Add to `card` how near to float32 pictures come in bfloat16, and what torch is to use.

        What holds in bfloat16, which has the fewest digits, holds in whatever a device has units
        for. It is measured on the CPU: the numbers are the same, only slower.
        """
        import numpy as np

        self._model = None  # the towers come one at a time, the largest fill the memory
        prepared = [self.prepare(data, self.preprocessing) for data in fidelity.probe_pictures()]
        pictures = np.stack(prepared)  # (n, size, size, 3) uint8
        answers = []
        for kind in _IN_TORCH:
            self.step(f"measuring the image tower in torch, {kind}")
            answers.append(TorchEncoder(folder, "cpu", kind).encode_images(pictures))
        texts = TorchEncoder(folder, "cpu").encode_texts(fidelity.probe_captions())
        found = fidelity.compare_pictures(answers[1], answers[0], texts)
        card["torch"]["fidelity"] = asdict(found)
        if found.faithful:
            return
        if self.wanted == "bf16":
            card["weights"] = f"{self.source.digest()}-bf16"  # no more the same model
            self._warn("bf16", found.image_cosine)
        else:
            card["torch"]["precision"] = "fp32"

    def _warn(self, kind: str, cosine: float) -> None:
        self.remarks.append(
            f"{kind} changes the answers of this model (smallest cosine to fp32 {cosine:.3f}); "
            f"without @{kind} the precision is chosen for you"
        )

    def _card(
        self,
        made: Path,
        text_fields: dict[str, Any],
        facts: dict[str, Any],
        chosen: Fidelity | None,
        precisions: dict[str, Precision],
    ) -> dict[str, Any]:
        spec, weights = self.preprocessing, self.source.digest()
        if chosen is not None and not chosen.faithful:
            weights = f"{weights}-{chosen.image}"  # not to be compared with the faithful ones
        card: dict[str, Any] = {
            "format": FORMAT,
            "name": self.source.name,
            "dim": facts["dim"],
            "parameters": facts["parameters"],
            "weights": weights,
            "image": {
                "file": "image.onnx",
                "input": "pixel_values",
                "output": "embedding",
                "size": spec.size,
                "resize": spec.resize,
                "interpolation": spec.interpolation,
                "mean": spec.mean,
                "std": spec.std,
                "precision": precisions.get("image"),
            },
            "text": {
                "file": "text.onnx",
                "tokenizer": "tokenizer.json",
                "inputs": ["input_ids"],
                "output": "embedding",
                **text_fields,
                "padding": facts["padding"],
                "precision": precisions.get("text"),
            },
            "logit_scale": facts["logit_scale"],
            "logit_bias": facts["logit_bias"],
            "relevance": _relevance(facts["logit_scale"], facts["logit_bias"]),
            "fidelity": asdict(chosen) if chosen is not None else None,
        }
        files = sorted(file.name for file in made.iterdir())
        if WEIGHTS in files:
            card["torch"] = {
                "file": WEIGHTS,
                "config": CONFIG,
                "always": self.wanted == "bf16" or chosen is None,  # on the CPU too
                "precision": "bf16" if self.wanted == "bf16" else None,
            }
        return card | {
            "sha256": {name: digest_of(made / name) for name in files},
            "xxh3_128": {name: checksum_of(made / name) for name in files},
            "bytes": {name: (made / name).stat().st_size for name in files},
            "licence": self.source.licence,
            "origins": list(self.source.origins),
        }

    # What the steps share

    def _loaded(self) -> OpenClip:
        if self._model is None:
            self.step("loading the weights")
            self._model = load(self.source, self.work)
        return self._model

    def _dim(self, model: OpenClip) -> int:
        import torch

        size = self.preprocessing.size
        with torch.inference_mode():
            features: torch.Tensor = towers.image_tower(model)(torch.zeros(1, 3, size, size))
        return features.shape[1]

    def _tokens(self, text_input: TextInput) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and mask (n, context length): one long text, then the probe captions."""
        whole = replace(text_input, padding="context")
        tokenizer = Tokenizer((self.work / "tokenizer.json").read_bytes(), whole, self.work)
        captions = fidelity.probe_captions()
        return tokenizer([" ".join(captions), *captions])

    def _exported(self, tower: str) -> Path:
        return self.work / tower / "tower.onnx"


@contextmanager
def _work_folder(target: Path, source: Source) -> Iterator[Path]:
    """Lend the folder a conversion works in to one process; it stays when that is interrupted."""
    with remains(target) as path:
        state = json.dumps({"steps": STEPS, "weights": source.digest(), **_versions()})
        known = path / "state.json"
        if not known.exists() or known.read_text("utf-8") != state:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            _write(known, state.encode())
        try:
            yield path
        except ModelError:  # it would only fail again
            shutil.rmtree(path)
            raise
        shutil.rmtree(path)


def work_place(target: Path) -> Path:
    """Return the folder in which `target` is made."""
    return target.with_name(f".{target.name}.part")


@contextmanager
def remains(target: Path) -> Iterator[Path]:
    """Lend the path of the folder in which `target` is made, to one process at a time.

    It is there after an interruption, to be gone on with. Raises ModelError while another process
    has it.
    """
    from filelock import FileLock, Timeout

    path = work_place(target)
    lock = FileLock(f"{path}.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise ModelError(
            f"another process is making this model, in {path}; wait until it is done"
        ) from None
    try:
        yield path
    finally:
        if not path.exists():  # nothing is left to be kept apart
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "open_clip_torch", "onnxruntime")}


def _relevance(scale: float, bias: float | None) -> dict[str, Any] | None:
    """Return how a cosine becomes a probability, where the model was trained to give one.

    With the sigmoid loss it was: Zhai et al., "Sigmoid Loss for Language Image Pre-Training"
    (2023). A softmax over a batch of captions says nothing of one caption alone.
    """
    if bias is None:
        return None
    return {
        "note": "the model's own sigmoid, as trained: of 32,768 texts, one fits",
        "logistic": {"slope": scale, "bias": bias, "share": 1 / 32_768},
    }


def _write_card(folder: Path, card: dict[str, Any]) -> None:
    _write(folder / "model.json", json.dumps(card, indent=1, ensure_ascii=False).encode())


def _write(path: Path, content: bytes) -> None:
    """Write a file that is either whole or not there, and stays after a power cut."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
