"""Whether a file or folder can be made in a place, as far as can be seen before it is tried."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def require_room(folder: Path, named: Path) -> None:
    """Raise the OSError, of `named`, that making something in `folder` would end in."""
    code = 0
    if not folder.is_dir():
        code = errno.ENOTDIR if os.path.lexists(folder) else errno.ENOENT
    elif not os.access(folder, os.W_OK | os.X_OK):
        code = errno.EACCES
    if code:
        raise OSError(code, os.strerror(code), os.fspath(named))
