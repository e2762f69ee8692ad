"""Files written as a whole or not at all, and errors of a full disk. Knows nothing of what is in
them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from tempfile import gettempdir
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
    or Ctrl-C nothing is left of it. A device or pipe, such as /dev/stdout, is not replaced but
    written to. Raises InputError, before anything is written, if `path` cannot be written, and
    StoreFullError for a full disk."""
    if _is_special(path):
        with _no_room_named(path), os.fdopen(_opened(path, str(path), os.O_WRONLY), "wb") as file:
            yield file
        return
    partial, handle = _beside(path)
    try:
        with _no_room_named(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)  # Ctrl-C may come once it is replaced
        raise


@contextmanager
def temporary_room() -> Iterator[None]:
    """A block that writes temporary files: a full disk is a StoreFullError."""
    with _no_room_named(f"temporary files in {gettempdir()}", "name another folder in TMPDIR"):
        yield


@contextmanager
def _no_room_named(what: Path | str, remedy: str = "write to another disk") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise StoreFullError(
            f"no room to write {what} ({error.strerror}); free some space, or {remedy}"
        ) from error


def _is_special(path: Path) -> bool:
    """Whether a path leads to something that must not be replaced by a file."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _beside(path: Path) -> tuple[str, int]:
    """The name and handle of a new file in the folder of `path`."""
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; name a file")
    name = f"{path}.{uuid4().hex[:8]}.partial"
    return name, _opened(path, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def _opened(path: Path, name: str, flags: int) -> int:
    """The handle of the file `name`, in which `path` is written."""
    try:
        return os.open(name, flags, PERMISSIONS)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} cannot be written: there is no folder {path.parent}; make it first"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}; choose another place"
        ) from error
