"""Fetching from a look-alike of the hub: what arrives, what is gone on with, what is refused."""

import errno
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import KEY, REFUSALS, Hub
from huggingface_hub import constants, try_to_load_from_cache

from vsearch.errors import ModelError
from vsearch.models.hub import Connection, MissingFile, safe_first

WEIGHTS = "open_clip_model.safetensors"
CONTENT = bytes(range(256)) * 12_000  # 3 MB


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    repository = tmp_path / "hub" / "org" / "name"
    repository.mkdir(parents=True)
    (repository / WEIGHTS).write_bytes(CONTENT)
    (repository / "small.json").write_bytes(b"{}")
    for name in ("VSEARCH_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "cache")
    )
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 5)
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 5)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)  # imported here before vsearch
    # A login on this machine is none of the tests' business.
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "tokens"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", constants.DOWNLOAD_CHUNK_SIZE)  # put back
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    with Hub(tmp_path / "hub") as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE",
            f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
        )  # fmt: skip
        yield server


def partials(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.partial"))


def test_a_file_arrives_with_progress_and_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    connection = Connection(received=lambda *what: heard.append(what))
    path = connection.download("org/name", WEIGHTS)
    assert path.read_bytes() == CONTENT
    assert path.name == WEIGHTS
    assert heard[0][1] == 0
    assert heard[-1] == (WEIGHTS, len(CONTENT), len(CONTENT))
    asked = len(hub.asked)
    assert connection.download("org/name", WEIGHTS) == path
    assert len(hub.asked) == asked
    assert not partials(tmp_path)


def test_it_lies_where_others_look_for_it(hub: Hub, tmp_path: Path) -> None:
    path = Connection().download("org/name", WEIGHTS)
    found = try_to_load_from_cache("org/name", WEIGHTS, cache_dir=tmp_path / "cache")
    assert found == str(path)


def test_small_files_arrive_too(hub: Hub) -> None:
    assert Connection().download("org/name", "small.json").read_bytes() == b"{}"


def test_a_cut_connection_is_gone_on_with_at_once(hub: Hub) -> None:
    hub.faults.cut_after[WEIGHTS] = [1_000_000, 500_000]
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT
    spans = hub.got(WEIGHTS)
    assert len(spans) == 3
    assert spans[0] is None
    assert all(span and span.startswith("bytes=") and span != "bytes=0-" for span in spans[1:])


def test_an_interrupted_download_is_gone_on_with_the_next_time(hub: Hub, tmp_path: Path) -> None:
    def stop(_name: str, done: int, _total: int) -> None:
        if done > 0:
            raise KeyboardInterrupt

    hub.faults.cut_after[WEIGHTS] = [1_500_000]
    with pytest.raises(KeyboardInterrupt):
        Connection(received=stop).download("org/name", WEIGHTS)
    (partial,) = partials(tmp_path)
    partial.write_bytes(CONTENT[:1_234_567])  # as a kill would leave it
    hub.faults.cut_after.clear()
    heard: list[int] = []
    done = Connection(received=lambda _n, done, _t: heard.append(done))
    assert done.download("org/name", WEIGHTS).read_bytes() == CONTENT
    assert hub.got(WEIGHTS)[-1] == "bytes=1234567-"
    assert heard[0] == 1_234_567


def test_the_wrong_content_is_refused_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    hub.faults.other_content[WEIGHTS] = CONTENT[:-1] + b"x"
    with pytest.raises(ModelError, match="wrong digest"):
        Connection().download("org/name", WEIGHTS)
    assert not partials(tmp_path)
    hub.faults.other_content.clear()
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT


def test_a_small_file_is_checked_too(hub: Hub) -> None:
    hub.faults.other_content["small.json"] = b"[]"
    with pytest.raises(ModelError, match="wrong digest"):
        Connection().download("org/name", "small.json")


def test_a_longer_answer_does_not_stand_in_the_way_for_ever(hub: Hub) -> None:
    hub.faults.other_content["small.json"] = b"<html>log in first</html>"
    with pytest.raises(ModelError, match="cannot be fetched"):
        Connection().download("org/name", "small.json")
    hub.faults.other_content.clear()
    assert Connection().download("org/name", "small.json").read_bytes() == b"{}"


@pytest.mark.parametrize("commit", ["", "../../../elsewhere", "{tmp}/elsewhere", "main"])
def test_nothing_is_written_outside_the_cache(
    hub: Hub, tmp_path: Path, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.COMMIT", commit.format(tmp=tmp_path))
    with pytest.raises(ModelError, match="is no hub"):
        Connection().download("org/name", WEIGHTS)
    assert not list(tmp_path.glob("**/elsewhere"))


def test_a_fault_of_the_disk_is_not_laid_to_the_network(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(NotADirectoryError):
        Connection().download("org/name", WEIGHTS)


def test_a_damaged_file_of_the_cache_is_refused_and_fetched_again(hub: Hub) -> None:
    path = Connection().download("org/name", WEIGHTS)
    path.resolve().write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="wrong digest"):
        Connection().download("org/name", WEIGHTS)
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("repository", "filename", "kind", "message"),
    [
        ("org/name", "other.bin", MissingFile, "the hub has no such file"),
        ("org/other", WEIGHTS, ModelError, "no such model on the hub"),
        ("org//odd", WEIGHTS, ModelError, "no such model on the hub"),
    ],
)
def test_what_is_not_there_is_said(
    hub: Hub, repository: str, filename: str, kind: type[ModelError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        Connection().download(repository, filename)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [500, 503, 418])
def test_a_hub_that_fails_is_said(hub: Hub, status: int) -> None:
    hub.faults.status[WEIGHTS] = status
    with pytest.raises(ModelError, match="the model cannot be fetched") as caught:
        Connection().download("org/name", WEIGHTS)
    assert "or use the built-in model mini" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "login", "message"),
    [
        ("gated, nobody is logged in", None, "its publisher wants to know who you are"),
        ("gated, not for this login", "hf_mine", "its publisher wants to know who you are"),
        ("private", None, "no such model on the hub, or a private one"),
        ("private", "hf_mine", "no such model on the hub, or a private one"),
        ("an old login", "hf_mine", r"the hub refuses your login \(.*401"),
        ("a login without the right", "hf_mine", r"the hub refuses your login \(403"),
        ("a login without the right", None, r"the model cannot be fetched \(403"),  # a proxy
    ],
)
def test_who_is_not_let_in_is_told_what_to_do(
    hub: Hub,
    tmp_path: Path,
    kind: str,
    login: str | None,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if login:
        monkeypatch.setenv("HF_TOKEN", login)
    hub.faults.refused[WEIGHTS] = REFUSALS[kind]
    with pytest.raises(ModelError, match=message) as caught:
        Connection().download("org/name", WEIGHTS)
    assert not isinstance(caught.value, MissingFile)
    assert hub.logins == [("hub", f"Bearer {login}" if login else None)]
    told = str(caught.value)
    assert "\n" not in told
    assert ("`hf auth login`" in told) is not ("check the network" in told)
    assert login is None or login not in told
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    hub.faults.refused.clear()
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("where", "redirected"),
    [
        ("hang_at_head", False), ("hang_before", False),
        pytest.param("hang_before", True, marks=pytest.mark.slow),
        pytest.param("hang_within", False, marks=pytest.mark.slow),
        pytest.param("hang_within", True, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_hanging_hub_is_given_up_and_gone_on_with(
    hub: Hub, where: str, redirected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if redirected:
        hub.faults.in_store.add(WEIGHTS)
    getattr(hub.faults, where).add(WEIGHTS)
    which = "HF_HUB_ETAG_TIMEOUT" if where == "hang_at_head" else "HF_HUB_DOWNLOAD_TIMEOUT"
    monkeypatch.setattr(constants, which, 0.3)
    began = time.monotonic()
    with pytest.raises(ModelError, match="the model cannot be fetched") as caught:
        Connection().download("org/name", WEIGHTS)
    assert time.monotonic() - began < 30  # after 60 s the look-alike itself hangs up
    assert "`vsearch models import`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    came = sum(partial.stat().st_size for partial in partials(tmp_path))
    assert (came > 0) is (where == "hang_within")
    getattr(hub.faults, where).clear()
    monkeypatch.setattr(constants, which, 30)
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT
    assert hub.got(WEIGHTS)[-1] == (f"bytes={came}-" if came else None)


def test_a_login_is_for_the_hub_and_not_for_the_store(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    hub.faults.in_store.add(WEIGHTS)
    hub.faults.cut_after[WEIGHTS] = [1_000_000]
    heard: list[tuple[str, int, int]] = []
    connection = Connection(received=lambda *what: heard.append(what))
    assert connection.download("org/name", WEIGHTS).read_bytes() == CONTENT
    assert hub.logins == [("hub", "Bearer hf_mine"), ("store", None), ("store", None)]
    assert [method for method, _, _ in hub.asked] == ["HEAD", "GET", "GET"]
    whole, rest = hub.got(WEIGHTS)
    assert whole is None
    assert rest is not None
    assert rest.startswith("bytes=")
    assert heard[-1] == (WEIGHTS, len(CONTENT), len(CONTENT))
    # What the hub hands out itself is asked for with the login: a gated model needs it.
    assert connection.download("org/name", "small.json").read_bytes() == b"{}"
    assert hub.logins[3:] == [("hub", "Bearer hf_mine")] * 2


@pytest.mark.parametrize("status", [403, 500])
def test_a_store_that_fails_is_said_without_its_key(
    hub: Hub, tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    hub.faults.in_store.add(WEIGHTS)
    hub.faults.store_status[WEIGHTS] = status  # 403: the address has had its time
    with pytest.raises(ModelError, match="the model cannot be fetched") as caught:
        Connection().download("org/name", WEIGHTS)
    assert str(status) in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    hub.faults.store_status.clear()
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT


@pytest.mark.parametrize("came", [1_234_567, len(CONTENT)])
def test_a_redirected_file_is_gone_on_with_the_next_time(
    hub: Hub, tmp_path: Path, came: int
) -> None:
    hub.faults.in_store.add(WEIGHTS)
    path = Connection().download("org/name", WEIGHTS)
    blob = path.resolve()
    path.unlink()
    blob.unlink()
    blob.with_name(f"{blob.name}.partial").write_bytes(CONTENT[:came])
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT
    rest = [f"bytes={came}-"] if came < len(CONTENT) else []  # killed just before it got its name
    assert hub.got(WEIGHTS) == [None, *rest]


def test_what_has_no_announced_size_is_begun_anew(hub: Hub) -> None:
    """Asked for what comes after the end, a store answers with an error, again and again."""
    hub.faults.in_store.add(WEIGHTS)
    hub.faults.without_size.add(WEIGHTS)
    path = Connection().download("org/name", WEIGHTS)
    blob = path.resolve()
    path.unlink()
    blob.rename(blob.with_name(f"{blob.name}.partial"))
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT
    assert hub.got(WEIGHTS) == [None, None]


def test_what_is_here_under_another_commit_is_compared_too(hub: Hub) -> None:
    path = Connection().download("org/name", WEIGHTS)
    blob = path.resolve()
    path.unlink()
    blob.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="wrong digest"):
        Connection().download("org/name", WEIGHTS)
    assert Connection().download("org/name", WEIGHTS).read_bytes() == CONTENT


def test_no_network_names_both_ways_out(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}",
    )  # fmt: skip
    with pytest.raises(ModelError, match="cannot be fetched") as caught:
        Connection().download("org/name", WEIGHTS)
    assert "`vsearch models import`" in str(caught.value)
    assert "mini" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("variable", [None, "VSEARCH_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_uses_the_cache_and_asks_nobody(
    hub: Hub, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Connection().download("org/name", WEIGHTS)
    asked = len(hub.asked)
    if variable:
        monkeypatch.setenv(variable, "1")
    connection = Connection(offline=variable is None)
    assert connection.download("org/name", WEIGHTS) == path
    assert connection.download_first("org/name", ["other.bin", WEIGHTS]) == path
    with pytest.raises(ModelError, match="not in the cache"):
        connection.download("org/name", "small.json")
    assert len(hub.asked) == asked


def test_the_first_that_is_there_is_taken(hub: Hub) -> None:
    connection = Connection()
    assert connection.download_first("org/name", ["a.bin", WEIGHTS, "b.bin"]).name == WEIGHTS
    with pytest.raises(MissingFile):
        connection.download_first("org/name", ["a.bin", "b.bin"])


def test_all_and_what_is_optional(hub: Hub) -> None:
    folder = Connection().download_all("org/name", [WEIGHTS], optional=["small.json", "none.json"])
    assert {path.name for path in folder.iterdir()} == {WEIGHTS, "small.json"}
    with pytest.raises(MissingFile):
        Connection().download_all("org/name", ["none.json"])


def test_numbers_only_come_first() -> None:
    assert safe_first("pytorch_model.bin") == ("pytorch_model.safetensors", "pytorch_model.bin")
    assert safe_first("model.safetensors") == ("model.safetensors",)


FETCH = """
import resource, sys
from pathlib import Path
limit = int(sys.argv[1])
if limit:
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from vsearch.models.hub import Connection
try:
    print(Connection().download("org/name", "open_clip_model.safetensors"))
except OSError as error:
    print("errno", error.errno)
"""


def test_a_full_disk_is_an_error_of_the_disk_and_the_rest_comes_later(
    hub: Hub, tmp_path: Path
) -> None:
    """A limit on the size of files is the nearest thing to a full disk that any user can make."""
    assert resource.RLIMIT_FSIZE
    environ = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    environ |= {"HTTP_PROXY": "", "http_proxy": ""}

    def fetch(limit: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", FETCH, str(limit)],
            capture_output=True, text=True, env=environ, timeout=60, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.strip()

    assert fetch(1_000_000) == f"errno {errno.EFBIG}"
    assert {name for _, name, _ in hub.asked} == {WEIGHTS}  # nothing else is asked of the hub
    path = Path(fetch(0))
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / "home")  # HF_HOME and HF_ENDPOINT were followed
    assert hub.got(WEIGHTS)[-1] == "bytes=1000000-"
