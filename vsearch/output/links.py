"""Addresses of files, for what can open them."""

from __future__ import annotations

import os
from urllib.parse import quote


def file_url(path: str, host: str = "") -> str:
    """Return the file: address (RFC 8089) of an absolute path, its bytes percent-encoded.

    A `host` says on which machine that is, so that a terminal on another one does not open its own.
    """
    return f"file://{quote(host, safe='')}{quote(os.fsencode(path))}"


def relative_url(path: str, folder: str) -> str:
    """Return the address of an absolute path for a page in `folder`: relative below that."""
    below = folder.rstrip("/") + "/"
    if path.startswith(below):
        return "./" + quote(os.fsencode(path[len(below) :]))  # "./", or "a:b" would be a scheme
    return file_url(path)
