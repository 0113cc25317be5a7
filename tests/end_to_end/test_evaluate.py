"""`vsearch evaluate` on the example photographs: figures, gates, files, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from end_to_end.command import PHOTOS, Run, environment
from end_to_end.pictures import write_pictures
from photographs import photograph

from vsearch.evaluation.gates import METRICS
from vsearch.models.folder import built_in
from vsearch.models.zoo import names
from vsearch.models.zoo.table import ALIASES

CAPTIONS, LABELS = PHOTOS / "captions.csv", PHOTOS / "labels.csv"


def evaluated(run: Run, *arguments: str | Path, index: Path) -> dict[str, Any]:
    """Return the JSON of one evaluation, which read no picture."""
    done = run("evaluate", *arguments, "--json", "--no-latency", "--index", index)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def metrics(found: dict[str, Any], protocol: str, model: int = 0) -> dict[str, float]:
    measured = found["models"][model]["protocols"][protocol]["metrics"]
    return {name: one["value"] for name, one in measured.items()}


def test_captions_with_an_index_and_without_one(vsearch: Run, photos_index: Path) -> None:
    found = evaluated(vsearch, CAPTIONS, index=photos_index)
    assert (found["kind"], found["pictures"], found["format"]) == ("captions", 48, 2)
    assert list(found["models"][0]["protocols"]) == ["text_to_image", "image_to_text", "graph"]
    done = vsearch("evaluate", CAPTIONS, "--json", "--no-latency", "--index", "nowhere")
    assert done.returncode == 0
    assert done.stderr.decode() == (
        "there is no index; embedding all 48 for the time being (`vsearch index FOLDER` would keep "
        "that)\n"
    )
    other = json.loads(done.stdout)
    for protocol in ("text_to_image", "image_to_text"):
        assert metrics(other, protocol) == pytest.approx(metrics(found, protocol), abs=1e-6)


def test_the_figures_are_those_of_searching_for_each_caption(
    vsearch: Run, photos_index: Path
) -> None:
    with CAPTIONS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    done = vsearch(
        "search", "--queries", "-", "-k", "48", "--index", photos_index,
        stdin="\n".join(f"text:{row['caption']}" for row in rows).encode(),
    )  # fmt: skip
    ranks = []
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for number, row in enumerate(rows, start=1):
        came = [Path(one["path"]).name for one in answers if one["line"] == number]
        ranks.append(1 + came.index(row["image"]))
    found = metrics(evaluated(vsearch, CAPTIONS, index=photos_index), "text_to_image")
    assert found["recall@1"] == pytest.approx(sum(rank == 1 for rank in ranks) / 48, abs=1e-6)
    assert found["recall@5"] == pytest.approx(sum(rank <= 5 for rank in ranks) / 48, abs=1e-6)
    assert found["mrr"] == pytest.approx(sum(1 / rank for rank in ranks) / 48, abs=1e-6)


def test_labels(vsearch: Run, photos_index: Path) -> None:
    found = evaluated(vsearch, LABELS, "-k", "1", "-k", "3", index=photos_index)
    assert list(found["models"][0]["protocols"]) == [
        "image_to_image", "nearest_neighbour", "zero_shot", "graph",
    ]  # fmt: skip
    measured = metrics(found, "image_to_image")
    assert {"hit_rate@1", "hit_rate@3", "map@r", "roc_auc", "eer"} <= measured.keys()
    assert "hit_rate@5" not in measured
    zero_shot = found["models"][0]["protocols"]["zero_shot"]
    assert sum(one["count"] for one in zero_shot["confusion"]) == 48
    assert sum(one["support"] for one in zero_shot["classes"]) == 48
    few = evaluated(vsearch, LABELS, "--sample", "10", index=photos_index)
    assert few["models"][0]["protocols"]["zero_shot"]["queries"] == 10


def test_class_folders_are_labels(vsearch: Run, tmp_path: Path) -> None:
    with LABELS.open(newline="", encoding="utf-8") as file:
        for row in list(csv.DictReader(file))[:12]:
            (tmp_path / "set" / row["label"]).mkdir(parents=True, exist_ok=True)
            shutil.copy(PHOTOS / row["path"], tmp_path / "set" / row["label"])
    done = vsearch("evaluate", tmp_path / "set", "--json", "--no-latency", "-q")
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["pictures"] == 12
    shutil.copy(PHOTOS / "IMG_0001.jpg", tmp_path / "set" / "beside.jpg")
    done = vsearch("evaluate", tmp_path / "set", "--json", "--no-latency")
    assert json.loads(done.stdout)["pictures"] == 12
    said = f"1 picture in no class folder, left out, as {tmp_path}/set/beside.jpg\n"
    assert done.stderr.startswith(said.encode())


def test_queries_with_graded_answers(vsearch: Run, photos_index: Path, tmp_path: Path) -> None:
    truth = tmp_path / "queries.csv"
    truth.write_text(
        "query,relevant path,grade\n"
        "an orange flower,IMG_0007.jpg,3\n"
        "an orange flower,IMG_0042.jpg,1\n"
        f"{PHOTOS / 'IMG_0010.jpg'},IMG_0010_q30.jpg,1\n"
    )
    found = evaluated(vsearch, truth, "--images", PHOTOS, index=photos_index)
    measured = metrics(found, "search")
    assert measured["ndcg@5"] == 1
    assert measured["mrr"] == 1
    assert found["models"][0]["protocols"]["search"]["gallery"] == 47  # not the query itself
    done = vsearch(
        "evaluate", truth, "--images", PHOTOS, "--json", "--no-latency", "--index", "nowhere"
    )
    without = json.loads(done.stdout)  # all that is in the folder is searched
    assert metrics(without, "search") == pytest.approx(measured, abs=1e-6)
    assert without["models"][0]["protocols"]["search"]["gallery"] == 47


def test_queries_search_the_whole_index_whatever_of_it_has_changed(
    vsearch: Run, tmp_path: Path
) -> None:
    """Also where all are embedded for the time being, since it lacks one of the answers."""
    wanted = photograph(tmp_path / "all" / "wanted" / "flower.jpg", "IMG_0007.jpg")
    photograph(tmp_path / "all" / "wanted" / "dog.jpg", "IMG_0013.jpg")
    for number in range(14, 20):
        photograph(tmp_path / "all" / "others" / f"{number}.jpg", f"IMG_00{number}.jpg")
    index = tmp_path / "index"
    assert vsearch("index", tmp_path / "all", "--index", index).returncode == 0
    (tmp_path / "q.csv").write_text("query,path\nan orange flower,flower.jpg\na dog,dog.jpg\n")
    asked = (tmp_path / "q.csv", "--images", tmp_path / "all" / "wanted")
    before = evaluated(vsearch, *asked, index=index)
    assert before["models"][0]["protocols"]["search"]["gallery"] == 8
    (tmp_path / "before.json").write_text(json.dumps(before))
    photograph(wanted, "IMG_0042.jpg", seconds=1)
    gates = ("--baseline", tmp_path / "before.json", "--max-drop")
    done = vsearch("evaluate", *asked, "--json", "--no-latency", "--index", index, *gates, "0.2")
    said = f"1 picture not in the index {index} as they are now; embedding all that is searc"
    assert done.stderr.decode().startswith(said)
    assert json.loads(done.stdout)["models"][0]["protocols"]["search"]["gallery"] == 8
    assert done.returncode == 0
    done = vsearch("evaluate", *asked, "--json", "--no-latency", "--index", index, *gates, "0.1")
    assert done.returncode == 1
    (failed,) = (one for one in done.stderr.decode().splitlines() if one.startswith("failed"))
    assert failed.startswith("failed: only 7 of 8 pictures to find are those of the baseline, and")


def test_every_metric_can_be_required(vsearch: Run, photos_index: Path, tmp_path: Path) -> None:
    """What gates know of is what is measured: nothing more, and nothing less."""
    queries = tmp_path / "queries.csv"
    queries.write_text("query,path\na dog,IMG_0013.jpg\n")
    for kind, truth in ("captions", CAPTIONS), ("labels", LABELS), ("queries", queries):
        found = evaluated(vsearch, truth, "--images", PHOTOS, "-k", "3", index=photos_index)
        assert found["kind"] == kind
        measured = {
            protocol: {name.replace("@3", "@k") for name in one["metrics"]}
            for protocol, one in found["models"][0]["protocols"].items()
        }
        assert measured == {name: set(one) for name, one in METRICS[found["kind"]].items()}


def test_a_query_means_the_same_wherever_one_is(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    shutil.copy(PHOTOS / "IMG_0010.jpg", tmp_path / "dog.jpg")
    (tmp_path / "a dog").write_bytes((PHOTOS / "IMG_0010.jpg").read_bytes())
    truth = tmp_path / "t" / "queries.csv"
    truth.parent.mkdir()
    truth.write_text("query,path\na dog,IMG_0013.jpg\nIMG_0010.jpg,IMG_0010_q30.jpg\n")
    asked = ("evaluate", truth, "--images", PHOTOS, "--json", "--no-latency")
    for folder in (tmp_path, PHOTOS):
        done = vsearch(*asked, "--index", photos_index, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert metrics(json.loads(done.stdout), "search")["mrr"] == 1
    truth.write_text("query,path\ndog.jpg,IMG_0013.jpg\n")
    done = vsearch(*asked, "--index", photos_index, cwd=tmp_path)
    assert done.returncode == 2
    assert b"no such picture, for the query 'dog.jpg'" in done.stderr


def test_a_reader_that_is_gone_loses_no_file(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    command: list[str | Path] = [sys.executable, "-m", "vsearch", "evaluate", CAPTIONS]
    options: list[str | Path] = ["--index", photos_index, "--no-latency", "--json"]
    options += ["--junit", tmp_path / "j.xml", "--require", "mrr>=1"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*command, *options], stdout=write, stderr=subprocess.PIPE, cwd=tmp_path,
        env=environment(tmp_path), check=False,
    )  # fmt: skip
    os.close(write)
    assert done.returncode == -signal.SIGPIPE
    assert done.stderr.startswith(b"failed: text_to_image.mrr is 0.")
    assert (tmp_path / "j.xml").exists()


def test_sigterm_leaves_nothing_temporary(vsearch: Run, tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", 1200)
    rows = (f"{path.name},{number % 3}" for number, path in enumerate((tmp_path / "set").iterdir()))
    (tmp_path / "set" / "t.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    place = tmp_path / "tmp"
    place.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "vsearch", "evaluate", tmp_path / "set" / "t.csv"],
        env=environment(tmp_path) | {"TMPDIR": str(place)}, cwd=tmp_path,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(place.glob("vsearch-*/index/catalog.sqlite")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert not list(place.iterdir())


def test_gates_make_the_exit_code_and_files(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    done = vsearch(
        "evaluate", CAPTIONS, "--no-latency", "--index", photos_index,
        "--require", "recall@1>=0.5", "--require", "image_to_text.hit_rate@7<0.1",
        "--junit", "j.xml", "--markdown", "m.md", "--report", "r.html", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.decode().startswith("failed: image_to_text.hit_rate@7 is 0.")
    assert done.stderr.count(b"\n") == 1
    assert b"mini\ttext_to_image.recall@7\t" in done.stdout
    assert ET.parse(tmp_path / "j.xml").getroot().attrib["failures"] == "1"  # noqa: S314  # ours
    assert "**1 of 2 gates passed.**" in (tmp_path / "m.md").read_text()
    page = (tmp_path / "r.html").read_text()
    assert page.count("data:image/webp") > 20  # the worst queries, with what came


def test_an_earlier_evaluation_is_a_baseline(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    path = tmp_path / "before.json"
    found = evaluated(vsearch, LABELS, index=photos_index)
    path.write_text(json.dumps(found))
    same = evaluated(vsearch, LABELS, "--baseline", path, "--max-drop", "0", index=photos_index)
    assert len(same["gates"]) > 20
    assert all(gate["passed"] for gate in same["gates"])
    protocol = found["models"][0]["protocols"]["zero_shot"]
    protocol["per_query"]["top1_accuracy"] = [1.0] * 48
    protocol["metrics"]["top1_accuracy"]["value"] = 1.0
    path.write_text(json.dumps(found))
    done = vsearch("evaluate", LABELS, "--no-latency", "--index", photos_index, "--baseline", path)
    assert done.returncode == 1
    line = "failed: zero_shot.top1_accuracy is worse by 0.3542 (1 before, 0.6458 now, p 0.0005"
    assert done.stderr.decode().startswith(line)


def test_a_truth_that_grew_is_told_over_what_both_asked(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    head, *rows = CAPTIONS.read_text(encoding="utf-8").splitlines()
    (tmp_path / "t.csv").write_text("\n".join([head, *rows[:40]]), encoding="utf-8")
    asked = (tmp_path / "t.csv", "--images", PHOTOS)
    (tmp_path / "before.json").write_text(
        json.dumps(evaluated(vsearch, *asked, "-k", "3", index=photos_index))
    )
    (tmp_path / "t.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    now = evaluated(
        vsearch, *asked, "--baseline", tmp_path / "before.json", "--max-drop", "0.2",
        index=photos_index,
    )  # fmt: skip
    told = {gate["requirement"]: gate for gate in now["gates"]}
    gate = told["baseline text_to_image.recall@3"]  # its k comes along
    assert gate["passed"]
    galleries = "among 40 items before and 48 now, p "
    assert f", over the 40 queries of both, {galleries}" in gate["line"]
    line = told["baseline text_to_image.ece"]["line"]
    assert f", by the intervals of both, {galleries}" in line
    (tmp_path / "l.csv").write_text("path,label\nIMG_0001.jpg,a\nIMG_0002.jpg,a\n")
    done = vsearch(
        "evaluate", tmp_path / "l.csv", "--images", PHOTOS, "--baseline", tmp_path / "before.json"
    )
    assert (done.returncode, done.stdout) == (2, b"")  # before anything is embedded
    assert done.stderr.decode().startswith("vsearch: the baseline is of captions, and this truth")


def test_a_graph_that_is_lost_is_told(vsearch: Run, photos_index: Path, tmp_path: Path) -> None:
    shutil.copytree(photos_index, tmp_path / "index")
    (tmp_path / "before.json").write_text(
        json.dumps(evaluated(vsearch, CAPTIONS, index=photos_index))
    )
    (tmp_path / "index" / "sets" / "whole" / "graph.hnsw").write_bytes(b"no graph")
    asked = ("evaluate", CAPTIONS, "--no-latency", "--index", tmp_path / "index")
    done = vsearch(*asked)
    assert done.returncode == 0
    said = done.stderr.decode()
    assert said.startswith("vsearch: the graph is not evaluated: graph.hnsw has 8 bytes instead of")
    done = vsearch(*asked, "--baseline", tmp_path / "before.json")
    assert done.returncode == 1
    assert b"failed: graph.recall@5 has no value any more (1 before)\n" in done.stderr


def test_two_files_of_one_name_are_refused_before_anything_is_measured(
    vsearch: Run, tmp_path: Path
) -> None:
    done = vsearch("evaluate", CAPTIONS, "--junit", "a.xml", "--markdown", "./a.xml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"name the same file" in done.stderr
    done = vsearch("evaluate", CAPTIONS, "--markdown", "-", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"vsearch: stdout has the figures, so that no file can be -; name one\n"


@pytest.mark.parametrize(
    ("gates", "lost"),
    [
        pytest.param(1, ["r.html"], id="all but the report"),
        pytest.param(2000, ["r.html", "j.xml", "m.md"], id="none"),
    ],
)
def test_a_file_that_cannot_be_written_costs_nothing_else(
    photos_index: Path, tmp_path: Path, gates: int, lost: list[str]
) -> None:
    """Files may have 100,000 bytes, which two thousand gates take."""
    resource = pytest.importorskip("resource", reason="Windows has no limit on the size of files")
    asked: list[str | Path] = [sys.executable, "-m", "vsearch", "evaluate", CAPTIONS]
    asked += ["--no-latency", "--index", photos_index, "--report", "r.html", "--junit", "j.xml"]
    asked += ["--markdown", "m.md", *["--require", "mrr<=9"] * (gates - 1)]
    most = 100_000
    done = subprocess.run(
        [*asked, "--require", "recall@1>=0.9"], capture_output=True, cwd=tmp_path, check=False,
        env=environment(tmp_path),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )  # fmt: skip
    assert done.returncode == 2
    *_, failed = done.stderr.decode().splitlines()[: -len(lost)]
    errors = done.stderr.decode().splitlines()[-len(lost) :]
    assert failed == "failed: text_to_image.recall@1 is 0.6667, and >= 0.9 is required"
    for name, error in zip(lost, errors, strict=True):
        assert error.startswith("vsearch: ")
        assert name in error
    assert done.stdout.startswith(b"mini\ttext_to_image.recall@1\t0.6667\t")
    assert {"r.html", "j.xml", "m.md"} - set(os.listdir(tmp_path)) == set(lost)


def test_pictures_that_are_missing_are_named(
    vsearch: Run, photos_index: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "some.csv"
    truth.write_text("path,label\nIMG_0001.jpg,a\nIMG_0002.jpg,a\ngone.jpg,a\n")
    asked = ("evaluate", truth, "--images", PHOTOS, "--no-latency", "--index", photos_index)
    done = vsearch(*asked)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith("vsearch: 1 of 3 pictures are not there, or cannot be")
    assert os.fsencode(PHOTOS / "gone.jpg") in done.stderr
    done = vsearch(*asked, "--allow-missing", "--json", "--markdown", "m.md", cwd=tmp_path)
    assert done.returncode == 0
    told = "1 of 3 pictures are not there, or cannot be used, and are left out"
    assert done.stderr.decode() == f"vsearch: {told}\n"
    assert f"**{told}.**" in (tmp_path / "m.md").read_text()
    found = json.loads(done.stdout)
    assert (found["pictures"], found["missing"]) == (3, 1)
    assert found["models"][0]["protocols"]["image_to_image"]["queries"] == 2
    truth.write_text("query,path\na castle,gone.jpg\na castle,IMG_0001.jpg\nnone,gone.jpg\n")
    done = vsearch(*asked, "--allow-missing", "--json")
    assert b"2 of 2 pictures" not in done.stderr
    assert done.stderr == (
        b"vsearch: 1 of 2 pictures are not there, or cannot be used, and count as never found\n"
    )
    assert metrics(json.loads(done.stdout), "search")["recall@10"] == 0.25


def test_a_picture_that_cannot_be_read_is_missing(vsearch: Run, tmp_path: Path) -> None:
    shutil.copy(PHOTOS / "IMG_0001.jpg", tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (tmp_path / "t.csv").write_text("image,caption\nIMG_0001.jpg,a castle\nbroken.jpg,nothing\n")
    done = vsearch("evaluate", tmp_path / "t.csv", "--no-latency")
    assert done.returncode == 2
    told = done.stderr.decode().splitlines()
    assert any(line.startswith("skipped: ") and "damaged image" in line for line in told)
    assert told[-1].startswith("vsearch: 1 of 2 pictures are not there, or cannot be used")


def test_only_a_split(vsearch: Run, photos_index: Path, tmp_path: Path) -> None:
    truth = tmp_path / "split.csv"
    rows = LABELS.read_text().splitlines()
    truth.write_text(
        "\n".join(
            f"{row},{'split' if not place else 'test' if place % 4 == 0 else 'train'}"
            for place, row in enumerate(rows)
        )
    )
    asked = (truth, "--images", PHOTOS)
    found = evaluated(vsearch, *asked, "--split", "test", index=photos_index)
    assert (found["split"], found["pictures"]) == ("test", 12)
    done = vsearch("evaluate", *asked, "--split", "dev", "--index", photos_index)
    assert done.returncode == 2
    assert b"test" in done.stderr


def test_a_set_is_named(vsearch: Run, photos_index: Path) -> None:
    found = evaluated(vsearch, LABELS, "--set", "whole", index=photos_index)
    assert found["models"][0]["set"] == "whole"
    done = vsearch("evaluate", LABELS, "--set", "regions", "--index", photos_index)
    assert done.returncode == 2
    assert b"no such vector set, 'regions'" in done.stderr


def test_latency_is_measured(vsearch: Run, photos_index: Path) -> None:
    done = vsearch(
        "evaluate", CAPTIONS, "--json", "--index", photos_index,
        "--require", "latency_p95_ms>0", "--require", "throughput_qps<=0.001",
    )  # fmt: skip
    assert done.returncode == 1
    latency = json.loads(done.stdout)["models"][0]["latency"]
    assert 0 < latency["latency_p50_ms"] <= latency["latency_p95_ms"] <= latency["latency_p99_ms"]
    assert latency["latency_cold_p50_ms"] > latency["latency_p50_ms"]
    assert done.stderr.decode().startswith("failed: throughput_qps is ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "nowhere.csv"),
        ([CAPTIONS, "--require", "recall@1"], "no requirement, 'recall@1'"),
        ([CAPTIONS, "--require", "precision@1>=0"], "no such metric with captions, 'precision@1'"),
        ([LABELS, "--require", "recall@1>=0"], "no such metric with labels, 'recall@1'"),
        ([CAPTIONS, "--require", "throughput_qps>1"], "latency is not measured"),
        ([CAPTIONS, "-k", "99999999999999999999"], "out of range, 99999999999999999999"),
        ([CAPTIONS, "--baseline", "none.json"], "no such file, none.json"),
        ([CAPTIONS, "--model", "mini", "--model", "mini"], "a model is named twice, 'mini'"),
        ([CAPTIONS, "--model", "mini", "--set", "whole"], "--set has a model of its own"),
        ([CAPTIONS, "--sample", "5"], "--sample is for labels"),
        ([CAPTIONS, "--junit", "no/such/folder.xml"], "no/such"),
        ([CAPTIONS, "--report", "page.txt"], "page.txt"),
        ([PHOTOS], "class folders"),
    ],
    ids=lambda value: " ".join(map(str, value))[-40:] if isinstance(value, list) else "",
)
def test_what_cannot_be_is_one_line(
    vsearch: Run, photos_index: Path, arguments: list[str | Path], said: str
) -> None:
    done = vsearch("evaluate", *arguments, "--no-latency", "--index", photos_index)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stderr.decode().splitlines()[-1].startswith("vsearch: ")
    assert b"Traceback" not in done.stderr


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with the model `fast`: the weights of `mini`, whose pictures are a little darker."""
    name = ALIASES["fast"][0]
    place = tmp_path / "models" / names.folder_name(name)
    shutil.copytree(built_in().path, place)
    card = json.loads((place / "model.json").read_text())
    card["name"] = name
    card["image"]["mean"] = [0.5001] * 3
    (place / "model.json").write_text(json.dumps(card))
    return tmp_path / "models"


def test_two_models_are_asked_the_same_and_compared(
    vsearch: Run, tmp_path: Path, models: Path
) -> None:
    """Also where the set of one lacks pictures; what is no longer there is in no comparison."""
    run = partial(vsearch, environ={"VSEARCH_MODELS": str(models)})
    folder, index = tmp_path / "all", tmp_path / "index"
    pictures = sorted(PHOTOS.glob("IMG_00[12]?.jpg"))
    for one in pictures[:8]:
        photograph(folder / one.name[-6:], one.name)
    assert run("index", folder, "--index", index).returncode == 0
    assert run("index", folder, "--index", index, "--model", "fast").returncode == 0
    for one in pictures[8:]:
        photograph(folder / one.name[-6:], one.name)
    assert run("index", folder, "--index", index).returncode == 0  # by `fast` only
    queries = ("query,path", "a dog,10.jpg", "a dog,13.jpg", "a spoon,12.jpg")
    (tmp_path / "q.csv").write_text("\n".join(queries) + "\n")
    asked = ("evaluate", tmp_path / "q.csv", "--images", folder, "--index", index, "--no-latency")
    both = ("--model", "fast", "--model", "mini")
    done = run(*asked, *both, "--json")
    assert done.returncode == 0
    assert done.stderr.startswith(b"9 pictures not in the index")
    found = json.loads(done.stdout)
    galleries = [one["protocols"]["search"]["gallery"] for one in found["models"]]
    assert galleries == [len(pictures)] * 2
    assert metrics(found, "search") == pytest.approx(metrics(found, "search", 1), abs=0.2)
    assert len(found["comparisons"]) > 10
    assert all(one["p_holm"] == 1 for one in found["comparisons"])
    (folder / pictures[-1].name[-6:]).unlink()
    done = run(*asked, *both, "--json")
    assert json.loads(done.stdout)["comparisons"] == []
    assert f"vsearch: mini is not compared with {ALIASES['fast'][0]}, since" in done.stderr.decode()
    done = run(*asked, "--model", "mini", "--model", "fats")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1  # before anything is measured


def test_pictures_may_be_links_without_an_index(vsearch: Run, tmp_path: Path) -> None:
    """All that are in their folder are searched then, not only those that the truth names."""
    (tmp_path / "links").mkdir()
    for name in ("IMG_0012.jpg", "IMG_0013.jpg", "IMG_0014.jpg"):
        (tmp_path / "links" / name).symlink_to(PHOTOS / name)
    rows = "query,path\na dog,IMG_0013.jpg\na spoon,IMG_0012.jpg\n"
    (tmp_path / "links" / "q.csv").write_text(rows)
    done = vsearch("evaluate", tmp_path / "links" / "q.csv", "--no-latency", "--json")
    assert done.returncode == 0
    assert b"skipped" not in done.stderr
    found = json.loads(done.stdout)
    assert metrics(found, "search")["recall@5"] == 1
    assert found["models"][0]["protocols"]["search"]["gallery"] == 3


def test_without_an_index_pictures_that_are_not_there_are_named(
    vsearch: Run, tmp_path: Path
) -> None:
    for head in ("query,path", "image,caption", "path,label"):
        (tmp_path / "t.csv").write_text(f"{head}\ngone.jpg,gone.jpg\n")
        done = vsearch("evaluate", tmp_path / "t.csv", "--no-latency")
        assert (done.returncode, done.stdout) == (2, b"")
        said = f"vsearch: 1 of 1 pictures are not there, or cannot be used: '{tmp_path}/gone.jpg';"
        assert done.stderr.decode().startswith(said)
