"""Files written as a whole or not at all. Knows nothing of what is in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from optimem.errors import InputError, StoreFullError

NO_ROOM = (ENOSPC, EDQUOT, EFBIG)
"""Errors of a full disk, a used-up quota, and a limit on a file's size."""
PERMISSIONS = 0o666
"""Of a new file, less those that the user's umask takes away."""


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which replaces `path` once the block ends without an error. After an error
    or Ctrl-C nothing is left of it. Raises InputError, before anything is written, if `path` cannot
    be written, and StoreFullError for a full disk."""
    partial, handle = _beside(path)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        os.unlink(partial)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise StoreFullError(
                f"no room to write {path} ({error.strerror}); free some space, or write "
                "to another disk"
            ) from error
        raise


def _beside(path: Path) -> tuple[str, int]:
    """The name and handle of a new file in the folder of `path`."""
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; name a file")
    name = f"{path}.{uuid4().hex[:8]}.partial"
    try:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PERMISSIONS)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} cannot be written: there is no folder {path.parent}; make it first"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}; choose another place"
        ) from error
    return name, handle
