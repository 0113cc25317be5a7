"""Whether a file or folder can be made in a place, as far as can be seen before it is tried."""

from __future__ import annotations

import errno
import os
from pathlib import Path

LONGEST = 255
"""Bytes of a name on the file systems in use."""


def require_room(folder: Path, named: Path) -> None:
    """Raise the OSError, of `named`, that making something in `folder` would end in."""
    code = 0
    if not folder.is_dir():
        code = errno.ENOTDIR if os.path.lexists(folder) else errno.ENOENT
    elif not os.access(folder, os.W_OK | os.X_OK):
        code = errno.EROFS if _is_read_only(folder) else errno.EACCES
    elif len(os.fsencode(named.name)) > LONGEST:
        code = errno.ENAMETOOLONG
    if code:
        raise OSError(code, os.strerror(code), os.fspath(named))


def _is_read_only(folder: Path) -> bool:
    if not hasattr(os, "statvfs"):  # Windows has none
        return False
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
