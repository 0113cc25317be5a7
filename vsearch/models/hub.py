"""Fetching files from the Hugging Face hub into its usual cache. Knows `huggingface_hub`.

The cache is the one that open_clip and others use (HF_HOME), in its documented form:

    models--ORG--NAME/blobs/ETAG                     the content
    models--ORG--NAME/snapshots/COMMIT/FILENAME      a link to it
    models--ORG--NAME/refs/main                      the commit last seen

huggingface_hub itself begins again after an interruption and compares no content with its digest;
here a partial file stays beside the blob and is gone on with, and what has come is checked before
it counts: the ETag is the SHA-256 of a large file, and git's SHA-1 of a small one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vsearch.config import OFFLINE_VARIABLE, is_set
from vsearch.errors import ModelError
from vsearch.models.folder import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from huggingface_hub.errors import HfHubHTTPError

OFFLINE_VARIABLES = (OFFLINE_VARIABLE, "HF_HUB_OFFLINE")
WAYS_OUT = (
    "get it where there is a network and bring it with `vsearch models export` and "
    "`vsearch models import`, or use the built-in model mini"
)
# huggingface_hub reads this when it is imported, which open_clip does too. Without it, requests say
# what program runs this one, and the hub is asked for a list to tell such programs by.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
_CHUNK = 256 * 1024  # bytes; what huggingface_hub has read of one when a connection ends is lost


class MissingFile(ModelError):
    """The repository is there and has no such file."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The way to the hub.

    `offline`: only what is in the cache already; so too when VSEARCH_OFFLINE or HF_HUB_OFFLINE is
    set. `received` is told a file's name, the bytes that have come, and the bytes there are.
    """

    offline: bool = False
    received: Callable[[str, int, int], None] = lambda _name, _done, _total: None

    def download(self, repository: str, filename: str) -> Path:
        """Return the path of a file of a repository ("org/name"), fetched if need be.

        Raises MissingFile when the repository has no such file, ModelError when it cannot be had,
        OSError when the disk is full; what has come of it then is gone on with the next time.
        """
        from huggingface_hub import try_to_load_from_cache

        with _explained(repository, filename):
            cached = try_to_load_from_cache(repository, filename)
        if isinstance(cached, str):
            path = Path(cached)
            _require_digest(path, path.resolve().name, f"{repository}/{filename}")
            return path
        if self._is_offline():
            raise ModelError(
                f"the model is not in the cache and the network is not to be used, {repository} "
                f"({filename}); leave out --offline and unset VSEARCH_OFFLINE, or {WAYS_OUT}"
            )
        with _explained(repository, filename):
            return self._fetch(repository, filename)

    def download_first(self, repository: str, filenames: Sequence[str]) -> Path:
        """Return the first of `filenames` that the repository has. Raises as `download`."""
        for filename in filenames[:-1]:
            try:
                return self.download(repository, filename)
            except MissingFile:
                continue
            except ModelError:
                if not self._is_offline():
                    raise
        return self.download(repository, filenames[-1])

    def download_all(
        self, repository: str, filenames: Sequence[str], optional: Sequence[str] = ()
    ) -> Path:
        """Return the folder with all `filenames`, and those of `optional` that there are."""
        paths = [self.download(repository, filename) for filename in filenames]
        for filename in optional:
            try:
                self.download(repository, filename)
            except MissingFile:
                continue
            except ModelError:
                if not self._is_offline():
                    raise
        return paths[0].parent

    def _is_offline(self) -> bool:
        return self.offline or any(is_set(name) for name in OFFLINE_VARIABLES)

    def _fetch(self, repository: str, filename: str) -> Path:
        from filelock import FileLock
        from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
        from huggingface_hub.file_download import http_get, repo_folder_name
        from huggingface_hub.utils._headers import build_hf_headers

        url = hf_hub_url(repository, filename)
        about = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        # The commit becomes the name of a folder: anything else could lead out of the cache.
        commit = about.commit_hash or ""
        if not about.etag or not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise ModelError(
                f"what answers at {url} is no hub; check HF_ENDPOINT and the network's proxy"
            )
        name = repo_folder_name(repo_id=repository, repo_type="model")
        storage = Path(constants.HF_HUB_CACHE) / name
        blob = storage / "blobs" / re.sub(r"[^\w.-]", "_", about.etag)
        blob.parent.mkdir(parents=True, exist_ok=True)
        partial = blob.with_name(f"{blob.name}.partial")
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        if urlsplit(about.location)[:2] != urlsplit(url)[:2]:  # scheme and host
            headers.pop("authorization", None)  # the store of large files has keys of its own
        constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, _CHUNK)
        with FileLock(f"{partial}.lock"):
            if blob.exists():  # of another commit, or somebody else's who compared nothing
                _require_digest(blob, about.etag, f"{repository}/{filename}")
            else:
                with partial.open("ab") as file:
                    # More than there should be is something else, as a login page; and without a
                    # size nobody can tell whether anything is left to ask for.
                    if about.size is None or file.tell() > about.size:
                        file.seek(0)
                        file.truncate()
                    http_get(
                        about.location,
                        file,
                        resume_size=file.tell(),
                        headers=headers,
                        expected_size=about.size,
                        tqdm_class=self._progress(filename),
                    )
                _require_digest(partial, about.etag, f"{repository}/{filename}")
                partial.rename(blob)
        return _link(storage, commit, filename, blob)

    def _progress(self, filename: str) -> Any:  # noqa: ANN401  # a class in the form of tqdm's
        received = self.received

        class Progress:
            def __init__(self, *_: object, initial: int = 0, total: int = 0, **__: object) -> None:
                self.done, self.total = initial, total or 0
                received(filename, self.done, self.total)

            def __enter__(self) -> Progress:
                return self

            def __exit__(self, *_: object) -> None:
                return

            def update(self, count: int) -> None:
                self.done += count
                received(filename, self.done, self.total)

        return Progress


def safe_first(filename: str) -> tuple[str, ...]:
    """Return the names to try for a weights file: safetensors, which hold numbers only, first."""
    stem, suffix = os.path.splitext(filename)
    return (f"{stem}.safetensors", filename) if suffix in (".bin", ".pth", ".pt") else (filename,)


def _link(storage: Path, commit: str, filename: str, blob: Path) -> Path:
    """Give a blob its name in the snapshot of a commit; return that."""
    pointer = storage / "snapshots" / commit / filename
    pointer.parent.mkdir(parents=True, exist_ok=True)
    if not pointer.exists():
        pointer.unlink(missing_ok=True)
        try:
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        except OSError:  # a system without links
            blob.replace(pointer)
    (storage / "refs").mkdir(exist_ok=True)
    (storage / "refs" / "main").write_text(commit, "ascii")
    return pointer


def _require_digest(path: Path, etag: str, what: str) -> None:
    """Compare a file with its ETag; delete and refuse it when it is something else."""
    if re.fullmatch(r"[0-9a-f]{64}", etag):
        found = digest_of(path)
    elif re.fullmatch(r"[0-9a-f]{40}", etag):
        content = path.read_bytes()
        found = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  # git's
    else:
        return  # some other server's mark, which says nothing of the content
    if found != etag:
        path.resolve().unlink()
        raise ModelError(
            f"what came is not what was announced (wrong digest), {what}; try again, and ask who "
            "runs the network or the mirror if it stays so"
        )


@contextmanager
def _explained(repository: str, filename: str) -> Iterator[None]:
    """Turn what goes wrong on the way to the hub into one line, and keep its log quiet."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    what = f"{repository} ({filename})"
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    except ModelError:
        raise
    except EntryNotFoundError as error:
        raise MissingFile(f"the hub has no such file, {what}; check the name") from error
    except GatedRepoError as error:
        raise ModelError(
            f"its publisher wants to know who you are, {what}; accept the terms on its page and "
            "log in with `hf auth login`"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"no such model on the hub, or a private one, {what}; check the name, or log in with "
            "`hf auth login`"
        ) from error
    except Exception as error:  # of whichever HTTP library huggingface_hub is built on
        if isinstance(error, OSError) and error.errno is not None and not _of_network(error):
            raise  # of the disk: full, not to be written, a file where a folder should be
        lines = (str(error).strip() or type(error).__name__).splitlines()
        # The address of a store holds a key, and is longer than all the rest.
        reason = re.sub(r"\?[^\s']+", "", lines[0])
        if isinstance(error, HfHubHTTPError) and _login_refused(error):
            raise ModelError(
                f"the hub refuses your login ({reason}), {what}; an old one is refused everywhere: "
                "log in anew with `hf auth login`, or out with `hf auth logout`"
            ) from error
        raise ModelError(
            f"the model cannot be fetched ({reason}), {what}; check the network, or {WAYS_OUT}"
        ) from error
    finally:
        log.setLevel(level)


def _login_refused(error: HfHubHTTPError) -> bool:
    """Whether a login was sent and refused. Without one, a proxy or a store's old link says no."""
    sent = error.response.request.headers
    return error.response.status_code in (401, 403) and "authorization" in sent


def _of_network(error: OSError) -> bool:
    return isinstance(error, ConnectionError | TimeoutError | socket.gaierror | ssl.SSLError)
