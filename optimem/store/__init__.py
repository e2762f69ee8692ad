"""Stores: where records live, as bytes by scope and key. `open_store` picks one by its address.

Knows nothing of what the bytes mean. Redis is imported only when a Redis store is opened.
"""

import os
import re
from typing import TYPE_CHECKING

from optimem.errors import InputError
from optimem.protocols import Store

if TYPE_CHECKING:
    from optimem.store.redis_client import RedisClient

REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two letters: C:\ is a drive
_FORMS = "a file path, sqlite:///path, :memory:, " + ", ".join(f"{s}://…" for s in REDIS_SCHEMES)


def open_store(target: "str | os.PathLike[str] | RedisClient", *, timeout: float = 5.0) -> Store:
    """The store at `target`: a file path or URL (SQLite or Redis), or a Redis client.

    `sqlite:///notes.db` is relative and `sqlite:////srv/notes.db` absolute, as SQLAlchemy
    reads them; `:memory:` forgets everything when closed. A client that is given is never
    closed. `timeout`: seconds to wait for a lock or for a server's answer.

    Raises InputError for an address of another kind, VersionError or FormatError for a store
    that this release cannot read, StoreUnavailableError if it cannot be reached.
    """
    if not isinstance(target, str | os.PathLike):
        from optimem.store.redis import RedisStore

        return RedisStore(client=target)
    address = os.fspath(target)
    scheme = _SCHEME.match(address) if isinstance(target, str) else None
    name = scheme[1].lower() if scheme else "sqlite"
    if name in REDIS_SCHEMES and "://" in address:
        from optimem.store.redis import RedisStore

        return RedisStore(address, timeout=timeout)
    from optimem.store.sqlite import SQLiteStore

    return SQLiteStore(_sqlite_path(address, scheme is not None), timeout=timeout)


def _sqlite_path(address: str, has_scheme: bool) -> str:
    """The file that an address means. Raises InputError if it means none."""
    if not has_scheme and address:
        return address
    if address.lower() in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
        return ":memory:"
    if address.lower().startswith("sqlite:///"):
        return address[len("sqlite:///") :]
    shown = re.sub(r"//[^/@]*@", "//…@", address)  # a message never shows a password
    raise InputError(
        f"{shown!r} is no store address; give {_FORMS} (a file name with a colon: ./name)"
    )
