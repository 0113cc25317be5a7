"""vsearch models and index --model, by the real command, against a look-alike of the hub."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from end_to_end.command import PHOTOS, Run, environment
from hub import KEY, REFUSALS, Hub
from safetensors.torch import save_file
from tiny_models import tiny, with_checkpoint

from vsearch.cli.models import prepared
from vsearch.models.conversion.fidelity import probe_pictures
from vsearch.models.conversion.find import find_random
from vsearch.models.conversion.source import load
from vsearch.models.folder import digest_of
from vsearch.models.hub import Connection
from vsearch.models.onnx import normalised

NAME = "hf-hub:org/tiny"
REAL = "MobileCLIP2-S0/dfndr2b"  # of the published ones, the least to multiply
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as the hub would serve it: org/tiny, random weights of a small CLIP."""
    folder = tmp_path_factory.mktemp("hub")
    repository = folder / "org" / "tiny"
    repository.mkdir(parents=True)
    source = with_checkpoint(tiny("clip"), repository / WEIGHTS)
    config = {"model_cfg": source.model_cfg, "preprocess_cfg": source.preprocess_cfg}
    (repository / "open_clip_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def hub(published: Path) -> Iterator[Hub]:
    with Hub(published) as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> dict[str, str]:
    """Return an environment with empty caches and no way around the look-alike."""
    return {
        "VSEARCH_MODELS": str(tmp_path / "models"), "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DOWNLOAD_TIMEOUT": "2", "HF_HUB_ETAG_TIMEOUT": "2", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip


def names(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [
        json.loads(line)["name"] for line in done.stdout.splitlines() if json.loads(line)["here"]
    ]


@pytest.mark.slow
def test_two_models_are_compared_over_the_same_queries(
    vsearch: Run, hub: Hub, cache: dict[str, str], tmp_path: Path
) -> None:
    """Random weights find nothing, and that is more than chance; each set of an index is told."""
    online = cache | {"HF_ENDPOINT": hub.url}
    index, captions = tmp_path / "index", PHOTOS / "captions.csv"
    assert vsearch("index", PHOTOS, "--index", index).returncode == 0
    asked = ("evaluate", captions, "--json", "--no-latency", "--index", index)
    done = vsearch(*asked, "--model", "mini", "--model", f"{NAME}@fp32", environ=online)
    assert done.returncode == 0, done.stderr
    assert b"48 of 48 pictures not in the index" in done.stderr  # by the second model
    found = json.loads(done.stdout)
    told = {one["metric"]: one for one in found["comparisons"]}
    recall = told["text_to_image.recall@5"]
    assert (recall["model"], recall["other"]) == (f"{NAME}@fp32", "mini")
    assert recall["difference"] < -0.5
    assert recall["p"] < 0.01
    assert not any(metric.startswith("graph") for metric in told)

    changed = vsearch("index", "--index", index, "--model", f"{NAME}@fp32", environ=online)
    assert changed.returncode == 0, changed.stderr
    done = vsearch(*asked, "--model", "mini", environ=cache)  # whose embeddings are kept
    assert (done.returncode, done.stderr) == (0, b"")
    (model,) = json.loads(done.stdout)["models"]
    assert (model["set"], model["model"]["name"]) == ("whole", "mini")
    assert model["protocols"] == found["models"][0]["protocols"]
    done = vsearch(*asked, "--set", "whole-2", environ=cache)
    (model,) = json.loads(done.stdout)["models"]
    assert (model["set"], model["model"]["name"]) == ("whole-2", f"{NAME}@fp32")
    status = json.loads(vsearch("status", "--json", "--index", index).stdout)
    assert status["vector_set"] == "whole-2"
    assert [one["name"] for one in status["others"]] == ["whole"]


def test_from_a_name_to_an_answer(
    vsearch: Run, hub: Hub, cache: dict[str, str], tmp_path: Path
) -> None:
    online = cache | {"HF_ENDPOINT": hub.url}
    index = tmp_path / "index"
    made = vsearch("index", PHOTOS, "--index", index, "--model", f"{NAME}@fp32", environ=online)
    assert made.returncode == 0, made.stderr
    assert b"hf-hub:org/tiny@fp32 is now here: pictures in fp32, texts in fp32\n" in made.stderr
    asked = len(hub.asked)

    found = vsearch("search", "a dog", "--index", index, "-k", "48", "--paths", environ=online)
    assert len(found.stdout.splitlines()) == 48
    again = vsearch("index", "--index", index, environ=online)
    assert b"48 unchanged" in again.stderr
    assert len(hub.asked) == asked  # from then on nobody is asked

    assert names(vsearch("models", "list", "--json", environ=cache)) == ["mini", f"{NAME}@fp32"]
    told = json.loads(vsearch("status", "--index", index, "--json", environ=cache).stdout)
    assert told["model"]["name"] == f"{NAME}@fp32"


@pytest.mark.slow
def test_an_exported_model_works_where_there_is_no_network(
    vsearch: Run, hub: Hub, cache: dict[str, str], tmp_path: Path
) -> None:
    vsearch("models", "get", f"{NAME}@int8", environ=cache | {"HF_ENDPOINT": hub.url})
    file = tmp_path / "tiny.model"
    assert vsearch("models", "export", f"{NAME}@int8", file, environ=cache).returncode == 0
    twice = vsearch("models", "export", f"{NAME}@int8", file, environ=cache)
    assert (twice.returncode, twice.stdout) == (2, b"")
    assert b"there is a file already" in twice.stderr

    elsewhere = cache | {"VSEARCH_MODELS": str(tmp_path / "elsewhere"), "VSEARCH_OFFLINE": "1"}
    elsewhere["HF_HOME"] = str(tmp_path / "empty")
    refused = vsearch("models", "get", NAME, environ=elsewhere)
    assert refused.returncode == 2
    assert b"the network is not to be used" in refused.stderr
    assert refused.stderr.count(b"\n") == 1
    brought = vsearch("models", "import", file, environ=elsewhere)
    assert brought.returncode == 0, brought.stderr
    index = tmp_path / "index"
    made = vsearch("index", PHOTOS, "--index", index, "--model", f"{NAME}@int8", environ=elsewhere)
    assert made.returncode == 0, made.stderr
    assert vsearch("search", "x", "--index", index, environ=elsewhere).returncode == 0

    again = vsearch("models", "import", file, environ=elsewhere)
    assert b"is here already" in again.stderr
    assert vsearch("models", "remove", f"{NAME}@int8", environ=elsewhere).returncode == 0
    gone = vsearch("search", "x", "--index", index, environ=elsewhere)
    assert gone.returncode == 2
    assert b"get it with `vsearch models get hf-hub:org/tiny@int8`" in gone.stderr


@pytest.mark.parametrize(
    "damage",
    [
        "a byte",
        pytest.param("cut off", marks=pytest.mark.slow),
        pytest.param("no model", marks=pytest.mark.slow),
        pytest.param("outside", marks=pytest.mark.slow),
    ],
)
def test_what_is_no_whole_model_is_not_taken_in(
    vsearch: Run, hub: Hub, cache: dict[str, str], tmp_path: Path, damage: str
) -> None:
    import zipfile

    vsearch("models", "get", f"{NAME}@fp32", environ=cache | {"HF_ENDPOINT": hub.url})
    file = tmp_path / "tiny.model"
    vsearch("models", "export", f"{NAME}@fp32", file, environ=cache)
    content = bytearray(file.read_bytes())
    if damage == "a byte":
        content[len(content) // 2] ^= 1
    elif damage == "cut off":
        del content[len(content) // 2 :]
    elif damage == "no model":
        content = bytearray(b"not a model")
    file.write_bytes(content)
    if damage == "outside":
        with zipfile.ZipFile(file, "w") as archive:
            card = {"format": 1, "name": "evil", "sha256": {"../../evil": "0" * 64}}
            archive.writestr("model.json", json.dumps(card))
            archive.writestr("../../evil", "x")
    elsewhere = cache | {"VSEARCH_MODELS": str(tmp_path / "elsewhere")}
    refused = vsearch("models", "import", file, environ=elsewhere)
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert refused.stderr.count(b"\n") == 1
    assert refused.stderr.startswith(b"vsearch: ")
    assert names(vsearch("models", "list", "--json", environ=elsewhere)) == ["mini"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("digest", b"wrong digest"),
        ("404", b"the hub has no such file"),
        ("500", b"the model cannot be fetched"),
        pytest.param("hanging", b"the model cannot be fetched", marks=pytest.mark.slow),
        ("hanging at HEAD", b"the model cannot be fetched"),
        ("nobody", b"the model cannot be fetched"),
        ("gated", b"accept the terms on its page and log in with `hf auth login`"),
        ("private", b"no such model on the hub, or a private one"),
        ("an old login", b"log in anew with `hf auth login`"),
        ("the store", b"the model cannot be fetched"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_line_and_exit_2(
    vsearch: Run, hub: Hub, cache: dict[str, str], tmp_path: Path, fault: str, said: bytes
) -> None:
    url = hub.url
    if fault == "digest":
        hub.faults.other_content[WEIGHTS] = (
            b"x" * (hub.folder / "org/tiny" / WEIGHTS).stat().st_size
        )
    elif fault == "404":
        hub.faults.status["open_clip_config.json"] = 0
        empty = tmp_path / "hub" / "org" / "tiny"
        empty.mkdir(parents=True)
        hub.folder = tmp_path / "hub"
    elif fault == "500":
        hub.faults.status[WEIGHTS] = 500
    elif fault == "hanging":
        hub.faults.hang_before.add("open_clip_config.json")
        cache = cache | {"HF_HUB_DOWNLOAD_TIMEOUT": "1"}
    elif fault == "hanging at HEAD":
        hub.faults.hang_at_head.add(WEIGHTS)
        cache = cache | {"HF_HUB_ETAG_TIMEOUT": "1"}
    elif fault == "nobody":
        url = "http://127.0.0.1:9"
    elif fault == "gated":
        hub.faults.refused[WEIGHTS] = REFUSALS["gated, nobody is logged in"]
    elif fault == "private":
        hub.faults.refused["open_clip_config.json"] = REFUSALS["private"]
    elif fault == "an old login":
        hub.faults.refused["open_clip_config.json"] = REFUSALS["an old login"]
        cache = cache | {"HF_TOKEN": "hf_mine"}
    elif fault == "the store":
        hub.faults.in_store.add(WEIGHTS)
        hub.faults.store_status[WEIGHTS] = 500
    began = time.monotonic()
    done = vsearch("models", "get", NAME, environ=cache | {"HF_ENDPOINT": url})
    assert time.monotonic() - began < 45  # after 60 s the look-alike itself hangs up
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert KEY.encode() not in done.stderr
    assert b"hf_mine" not in done.stderr
    assert names(vsearch("models", "list", "--json", environ=cache)) == ["mini"]
    assert not list((tmp_path / "hf").rglob("*.safetensors"))


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_that_is_not_there_is_told_before_anything_is_fetched(
    vsearch: Run, hub: Hub, cache: dict[str, str], tmp_path: Path, device: str
) -> None:
    done = vsearch(
        "index", PHOTOS, "--index", tmp_path / "index", "--model", NAME, "--device", device,
        environ=cache | {"HF_ENDPOINT": hub.url, "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    if sys.platform == "linux":
        assert done.returncode == 2
        assert b"GPU is there, for --device" in done.stderr
        assert hub.asked == []


def test_wrong_names_are_answered_with_near_ones(vsearch: Run, cache: dict[str, str]) -> None:
    done = vsearch("models", "get", "ballanced", environ=cache)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"vsearch: no such model, named 'ballanced'; did you mean 'balanced'?\n"
    done = vsearch("index", PHOTOS, "--model", "ViT-B-32/openaj", "--offline", environ=cache)
    assert done.returncode == 2
    assert b"did you mean 'ViT-B-32/openai' or " in done.stderr


@pytest.mark.slow
def test_a_conversion_that_is_killed_leaves_nothing_half_done(
    vsearch: Run, hub: Hub, cache: dict[str, str], tmp_path: Path
) -> None:
    environ = environment(tmp_path) | cache | {"HF_ENDPOINT": hub.url}
    command = [sys.executable, "-m", "vsearch", "models", "get", NAME]
    for seconds in (3.0, 6.0):
        process = subprocess.Popen(
            command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        here = names(vsearch("models", "list", "--json", environ=cache))
        assert here in (["mini"], ["mini", NAME])
    done = subprocess.run(command, env=environ, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert names(vsearch("models", "list", "--json", environ=cache)) == ["mini", NAME]


@pytest.mark.slow
def test_a_checkpoint_of_ones_own(
    vsearch: Run, cache: dict[str, str], tmp_path: Path, published: Path
) -> None:
    weights = tmp_path / "tuned.safetensors"
    shutil.copy(published / "org" / "tiny" / WEIGHTS, weights)
    other = vsearch("models", "get", "ViT-B-32", "--checkpoint", weights, environ=cache)
    assert other.returncode == 2
    assert b"check that they belong to this architecture" in other.stderr
    none = vsearch("models", "get", "ViT-B-32", "--checkpoint", "none.pt", environ=cache)
    assert b"no such file" in none.stderr
    odd = vsearch("models", "get", "ViT-B-33", "--checkpoint", weights, environ=cache)
    assert b"open_clip has no architecture 'ViT-B-33'" in odd.stderr


@pytest.mark.slow
def test_switching_the_model_of_an_index(
    vsearch: Run, hub: Hub, cache: dict[str, str], tmp_path: Path
) -> None:
    online = cache | {"HF_ENDPOINT": hub.url}
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    for path in sorted(PHOTOS.glob("IMG_000*.jpg"))[:6]:
        shutil.copy(path, photos)
    vsearch("index", photos, "--index", index, environ=online)
    part = vsearch(
        "index",
        photos / "IMG_0001.jpg",
        "--index",
        index,
        "--model",
        f"{NAME}@fp32",
        environ=online,
    )
    assert part.returncode == 0, part.stderr
    told = json.loads(vsearch("status", "--index", index, "--json", environ=online).stdout)
    assert told["model"]["name"] == "mini"  # it answers as before while the other is incomplete
    whole = vsearch("index", "--index", index, "--model", f"{NAME}@fp32", environ=online)
    assert whole.returncode == 0, whole.stderr
    told = json.loads(vsearch("status", "--index", index, "--json", environ=online).stdout)
    assert told["model"]["name"] == f"{NAME}@fp32"
    assert len(vsearch("search", "x", "--index", index, environ=online).stdout.splitlines()) == 6
    folders = sorted(os.listdir(index / "sets"))
    freed = vsearch("index", "--index", index, "--drop-old", environ=online)
    assert freed.returncode == 0, freed.stderr
    assert len(os.listdir(index / "sets")) == len(folders) - 1
    assert vsearch("search", "x", "--index", index, environ=online).returncode == 0
    back = vsearch("index", "--index", index, "--model", "mini", environ=online)
    assert b"6 embedded" in back.stderr


@pytest.mark.slow
def test_a_published_model_by_its_real_name(
    vsearch: Run, cache: dict[str, str], tmp_path: Path
) -> None:
    """Random weights of the real architecture, where the real ones are published."""
    architecture, tag = REAL.split("/")
    repository = open_clip.get_pretrained_cfg(architecture, tag)["hf_hub"].rstrip("/")
    weights = tmp_path / "hub" / repository / WEIGHTS
    weights.parent.mkdir(parents=True)
    write_lively_weights(architecture, weights)
    half = weights.stat().st_size // 2
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    for name in ("IMG_0001", "IMG_0005", "IMG_0010", "IMG_0010_q30", "IMG_0013"):
        shutil.copy(PHOTOS / f"{name}.jpg", photos)

    with Hub(tmp_path / "hub") as hub:
        online = cache | {"HF_ENDPOINT": hub.url}
        hub.faults.in_store.add(WEIGHTS)
        hub.faults.hang_within.add(WEIGHTS)
        process = subprocess.Popen(
            [sys.executable, "-m", "vsearch", "models", "get", REAL],
            env=environment(tmp_path) | online | {"HF_HUB_DOWNLOAD_TIMEOUT": "60"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while came(tmp_path) < half - (1 << 20):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert names(vsearch("models", "list", "--json", environ=online)) == ["mini"]
        assert not list((tmp_path / "hf").rglob("*.safetensors"))

        first = came(tmp_path)
        hub.faults.hang_within.clear()
        got = vsearch("models", "get", REAL, environ=online)
        assert got.returncode == 0, got.stderr
        assert hub.got(WEIGHTS)[0] is None
        assert hub.got(WEIGHTS)[-1] == f"bytes={first}-"
        asked = len(hub.asked)

        told = json.loads(vsearch("models", "info", REAL, "--json", environ=online).stdout)
        assert (told["name"], told["here"], told["dim"]) == (REAL, True, 512)
        card = told["card"]
        assert card["weights"] == digest_of(weights)
        assert card["origins"] == [{"weights": f"hf-hub:{repository}", "file": WEIGHTS}]
        fidelity = card["fidelity"]
        assert fidelity["image"] == card["image"]["precision"]
        assert fidelity["text"] == card["text"]["precision"]
        assert min(fidelity["image_cosine"], fidelity["text_cosine"]) >= 0.995
        assert min(fidelity["image_overlap"], fidelity["text_overlap"]) >= 0.95

        made = vsearch("index", photos, "--index", index, "--model", REAL, environ=online)
        assert made.returncode == 0, made.stderr
        words = vsearch("search", "a dog", "--index", index, "--paths", environ=online)
        assert len(words.stdout.splitlines()) == 5
        like = vsearch(
            "search", PHOTOS / "IMG_0010.jpg", "--index", index, "--json", environ=online
        )
        best, second = (json.loads(line) for line in like.stdout.splitlines()[:2])
        assert best["path"] == str(photos / "IMG_0010.jpg")
        assert best["score"] > 0.999
        assert second["score"] < 0.99
        assert len(hub.asked) == asked


def came(tmp_path: Path) -> int:
    """Return how much of an unfinished download is on the disk."""
    return sum(part.stat().st_size for part in (tmp_path / "hf").rglob("*.partial"))


def write_lively_weights(architecture: str, path: Path) -> None:
    """Write random weights with which pictures differ; as they are drawn, all are one to it.

    The branches count in full, and the norms have seen some pictures, as after a training.
    """
    source = find_random(architecture, Connection(offline=True))
    spec = source.preprocessing()
    model = load(source, path.parent)
    pictures = [normalised(prepared(data, spec)[None], spec) for data in probe_pictures()[:12]]
    norms = [each for each in model.visual.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    with torch.inference_mode():
        for name, value in model.visual.named_parameters():
            if name.endswith("layer_scale.gamma"):
                value.fill_(1.0)
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all that is seen
            norm.train()
        model.visual(torch.from_numpy(np.concatenate(pictures)))
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
