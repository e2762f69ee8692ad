"""The keys of sealed stores: made, rotated and dropped."""

import os
from pathlib import Path
from typing import Any

from optimem import build
from optimem.errors import InputError
from optimem.protocols import KeyProvider, Progress, Store
from optimem.reports import KeyRotation
from optimem.store.keys import UserKeys, environment_keys
from optimem.store.sealed import SealedStore
from optimem.store.sealing import new_key as _new_key


def new_key() -> str:
    """A random key as text, for `Keyring` or `OPTIMEM_KEY`. It is kept nowhere: without it,
    nothing that it seals can be read."""
    return _new_key().hex()


def rotate_keys(
    store: "str | Path | Store | Any | None" = None,
    *,
    keys: KeyProvider | None = None,
    progress: Progress | None = None,
) -> KeyRotation:
    """Seal everything in a store anew that is not under the first of its keys, while others read
    and write. The others must know both keys already. If nothing is `left` or `unreadable`, the
    old keys can go; `purge` then removes what they sealed from the store's files.

    `store`, `keys`: as in `OpticalMemory.open`. `progress`: called with the number of records
    looked at. Raises InputError without keys and for a file that is not there, and what
    `OpticalMemory.open` raises.
    """
    build.check_store(store)
    opened = build.store_at(store, keys)
    try:
        if not isinstance(opened, SealedStore):
            raise InputError("a store without keys has none to rotate; set OPTIMEM_KEY")
        return opened.rotate(progress)
    finally:
        if opened is not store:
            opened.close()


def drop_key(user: str, namespace: str = "") -> bool:
    """Delete a user's secret in the folder that `OPTIMEM_USER_KEYS` names; see `UserKeys.drop`.
    Raises InputError if none is named."""
    keys = environment_keys(os.environ)
    if not isinstance(keys, UserKeys):
        raise InputError("users have no keys of their own here; set OPTIMEM_USER_KEYS to a folder")
    return keys.drop(user, namespace)
