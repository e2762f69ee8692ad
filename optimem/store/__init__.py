"""Stores keep records as bytes by scope and key, in a SQLite file or on a Redis server.

`open_store` picks one by its address, and seals it if there are keys. Redis is imported only when
a Redis store is opened, the cryptography only with keys.
"""

import os
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from optimem.errors import InputError
from optimem.protocols import KeyProvider, Store
from optimem.store.arguments import redacted
from optimem.store.keys import environment_keys
from optimem.store.sealed import seal_store

if TYPE_CHECKING:
    from optimem.store.redis_client import RedisClient

_KINDS = ("", "+sentinel", "+cluster")
_REDIS, _VALKEY = (
    tuple(name + kind for kind in _KINDS for name in names)
    for names in (("redis", "rediss"), ("valkey", "valkeys"))
)
REDIS_SCHEMES = ("unix", *_REDIS, *_VALKEY)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # at least two letters: C:\ is a drive
_URLS = tuple(f"{scheme}://…" for scheme in ("unix", *_REDIS))
_ADDRESSES = ("a file path", "sqlite:///path", ":memory:", *_URLS)


def open_store(
    target: "str | os.PathLike[str] | RedisClient",
    *,
    timeout: float = 5.0,
    keys: KeyProvider | None = None,
    unsealed: bool = False,
) -> Store:
    """Open the store at `target`: a path or URL (SQLite or Redis), or a Redis client.

    As in SQLAlchemy, `sqlite:///notes.db` is relative and `sqlite:////srv/notes.db` absolute.
    `:memory:` loses everything when closed. Closing the store leaves a client that was passed in
    open. `timeout`: seconds to wait for a lock or for a server's reply. `keys`: seal what is
    stored; default those that the environment names (see `environment_keys`), if any.
    `unsealed`: take no keys from the environment.

    Raises InputError for any other address, VersionError or FormatError for a store that this
    release cannot read, StoreUnavailableError for one that cannot be reached, and what
    `seal_store` raises about keys.
    """
    keys = keys or (None if unsealed else environment_keys(os.environ))
    opened = _open(target, timeout)
    try:
        return seal_store(opened, keys, owned=True)
    except BaseException:
        opened.close()
        raise


def check_exists(target: object) -> None:
    """Raises InputError, with stores of a similar name, for the address of a file that is not
    there, which opening would make."""
    if not isinstance(target, str | os.PathLike) or _is_redis(target):
        return
    path = _path_at(target)
    if path != ":memory:" and not os.path.exists(path):
        similar = get_close_matches(os.path.basename(path), _files_beside(path), n=3, cutoff=0.6)
        hint = (
            f"did you mean {' or '.join(os.path.join(os.path.dirname(path), s) for s in similar)}?"
            if similar
            else "is the path right? `optimem remember` makes a new one"
        )
        raise InputError(f"there is no store {path!r}; {hint}")


def _files_beside(path: str) -> list[str]:
    """Names of the files in the folder of a path, without those that a store keeps beside it."""
    try:
        with os.scandir(os.path.dirname(path) or ".") as found:
            names = [each.name for each in found if each.is_file()]
    except OSError:
        return []
    return [name for name in names if not name.endswith(("-wal", "-shm", "-journal", "-reserve"))]


def _open(target: "str | os.PathLike[str] | RedisClient", timeout: float) -> Store:
    if not isinstance(target, str | os.PathLike):
        from optimem.store.redis import RedisStore

        return RedisStore(client=target)
    if _is_redis(target):
        from optimem.store.redis import RedisStore

        return RedisStore(os.fspath(target), timeout=timeout)
    from optimem.store.sqlite import SQLiteStore

    return SQLiteStore(_path_at(target), timeout=timeout)


def _scheme(target: "str | os.PathLike[str]") -> str | None:
    found = _SCHEME.match(target) if isinstance(target, str) else None
    return found and found[1].lower()


def _is_redis(target: "str | os.PathLike[str]") -> bool:
    return _scheme(target) in REDIS_SCHEMES and "://" in os.fspath(target)


def _path_at(target: "str | os.PathLike[str]") -> str:
    return _sqlite_path(os.fspath(target), _scheme(target) is not None)


def _sqlite_path(address: str, has_scheme: bool) -> str:
    """The path that an address stands for. Raises InputError for an unknown scheme."""
    if not has_scheme and address:
        return address
    if address.lower() in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
        return ":memory:"
    if address.lower().startswith("sqlite:///"):
        return address[len("sqlite:///") :]
    raise InputError(
        f"{redacted(address)!r} is not a store address; give {', '.join(_ADDRESSES)} (write ./name "
        "for a file name with a colon)"
    )
