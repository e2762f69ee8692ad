"""A file written whole or not at all. Knows nothing of what is in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from optimem.errors import InputError, StoreFullError

FULL = (ENOSPC, EDQUOT, EFBIG)
"""What the system says of a full disk, a used-up quota, and a limit on a file's size."""
READABLE = 0o666
"""Permissions of a new file, less what the user's umask takes away."""


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which becomes `path`, in place of what was there, once the block has
    ended without an error; on any error, and on Ctrl-C, nothing is left of it. Raises InputError
    where `path` cannot be, before anything is written, and StoreFullError for a full disk."""
    partial, handle = _beside(path)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        os.unlink(partial)
        if isinstance(error, OSError) and error.errno in FULL:
            raise StoreFullError(
                f"no room to write {path} ({error.strerror}); free some space, or write "
                "to another disk"
            ) from error
        raise


def _beside(path: Path) -> tuple[str, int]:
    """The name and the handle of a new file in the folder of `path`."""
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; name a file")
    name = f"{path}.{uuid4().hex[:8]}.partial"
    try:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, READABLE)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} cannot be written: there is no folder {path.parent}; make it first"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}; choose another place"
        ) from error
    return name, handle
