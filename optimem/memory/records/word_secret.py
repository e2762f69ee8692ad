"""The secret under which a store hides the words of its indexes.

An index holds hashes of words, which anybody with a dictionary could try. So it is stored under a
secret of its store: 32 random bytes in a scope of their own, made when the first index is written,
and sealed like everything else if the store is. What is hidden starts with a keyed hash of what it
holds and of its place, from which its key stream is made; the hash is checked when it is read.
Only the standard library is needed. Knows nothing of words.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import numpy as np

from optimem.errors import ConflictError, FormatError, MissingKeyError
from optimem.memory.records.records import entry_place
from optimem.omem.container import ContainerKind, pack_container, unpack_container
from optimem.protocols import Change, Store
from optimem.turns import RESERVED, Scope

HOME = Scope(namespace=f"{RESERVED}secret", session="words")
"""The scope that holds the secret."""
_KEY, _SIZE, _TAG = "secret", 32, 16
_PLACE = entry_place(HOME, _KEY)


class _Known:
    """The secrets of the stores that this process has open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: WeakKeyDictionary[Store, bytes] = WeakKeyDictionary()

    def get(self, store: Store) -> bytes | None:
        with self._lock:
            return self._secrets.get(store)

    def put(self, store: Store, secret: bytes) -> bytes:
        with self._lock:
            self._secrets[store] = secret
        return secret


_known = _Known()


def word_secret(store: Store) -> bytes | None:
    """The secret of a store; None if nothing was hidden in it yet. Raises FormatError and its kin
    for one that cannot be read."""
    known = _known.get(store)
    if known is not None:
        return known
    (entry,) = store.get(HOME, [_KEY])
    return _known.put(store, _unpack_secret(entry.value)) if entry else None


def scope_salt(store: Store, scope: Scope) -> str:
    """A salt for what a server keeps of a scope's pages, so that the time it takes tells no other
    scope which pages it has. Nobody can guess it without the store, once there is a secret."""
    secret = word_secret(store) or bytes(_SIZE)
    name = "\0".join((scope.namespace, scope.user, scope.session))
    return hmac.new(secret, b"salt\0" + name.encode(), hashlib.sha256).hexdigest()[:32]


def make_word_secret(store: Store) -> bytes:
    """The secret of a store, made now if it has none. One that was damaged is replaced: `optimem
    check --repair` then makes the indexes anew. Raises MissingKeyError if it is sealed with
    another key."""
    known = _known.get(store)
    while known is None:
        (entry,) = store.get(HOME, [_KEY])
        try:
            known = _unpack_secret(entry.value) if entry else None
        except MissingKeyError:
            raise
        except FormatError:
            known = None
        if known is None:
            known = _put_secret(store, entry.version if entry else 0)
    return _known.put(store, known)


def _put_secret(store: Store, version: int) -> bytes | None:
    """A new secret; None if another process was first."""
    secret = secrets.token_bytes(_SIZE)
    packed = pack_container(ContainerKind.SECRET, [secret], _PLACE)
    try:
        store.commit(HOME, [Change(_KEY, packed, version)])
    except ConflictError:
        return None
    return secret


def _unpack_secret(data: bytes) -> bytes:
    with unpack_container(ContainerKind.SECRET, data, "the secret of the indexes", _PLACE) as (
        secret,
    ):
        if len(secret) != _SIZE:
            raise ValueError(f"{len(secret)} bytes are not a secret")
        return secret


def pack_hidden(kind: ContainerKind, section: bytes, place: bytes, secret: bytes) -> bytes:
    """A container of one section, which is hidden."""
    return pack_container(kind, [hide(section, secret, place)], place)


@contextmanager
def unpack_hidden(
    kind: ContainerKind, data: bytes, place: bytes, secret: bytes | None
) -> Iterator[bytes]:
    """That section. Raises FormatError, VersionError or ChecksumError, also for what goes wrong
    while it is parsed."""
    with unpack_container(kind, data, place=place) as (hidden,):
        yield reveal(hidden, secret, place)


def hide(data: bytes, secret: bytes, place: bytes) -> bytes:
    """`data` so that it tells nothing but its length to who does not know the secret."""
    tag = _tag(data, secret, place)
    return tag + _masked(data, secret, tag)


def reveal(hidden: bytes, secret: bytes | None, place: bytes) -> bytes:
    """The inverse of `hide`. Raises ValueError for what was hidden elsewhere, under another
    secret, or not at all."""
    if secret is None:
        raise ValueError("the secret of the store's indexes is lost")
    tag = hidden[:_TAG]
    data = _masked(hidden[_TAG:], secret, tag)
    if not hmac.compare_digest(tag, _tag(data, secret, place)):
        raise ValueError("it is not hidden under this store's secret")
    return data


def _tag(data: bytes, secret: bytes, place: bytes) -> bytes:
    bound = hashlib.blake2b(place, digest_size=_SIZE, key=secret, person=b"place").digest()
    return hashlib.blake2b(data, digest_size=_TAG, key=bound, person=b"words").digest()


def _masked(data: bytes, secret: bytes, tag: bytes) -> bytes:
    """`data` under a key stream, or what is under one without it."""
    key = hashlib.blake2b(tag, digest_size=_SIZE, key=secret, person=b"stream").digest()
    stream = hashlib.shake_256(key).digest(len(data))
    mixed = np.frombuffer(data, np.uint8) ^ np.frombuffer(stream, np.uint8)
    return mixed.tobytes()
