"""A sealed store: any store, with everything in it under keys that it never sees.

Values are sealed, and so are the names of scopes and entries (see `sealing`). The store below sees
how many scopes and entries there are and which of them are of one kind, their sizes and versions,
and when each is due. Secrets of the names are kept in the store, sealed in turn, which also tells
that it is a sealed one.
"""

import logging
import secrets
from collections.abc import Iterator, Sequence

from optimem.errors import ConflictError, FormatError, InputError, MissingKeyError
from optimem.omem.container import LOCKED, TAMPERED
from optimem.protocols import Change, Entry, EntryInfo, KeyProvider, Progress, Store
from optimem.reports import KeyRotation
from optimem.store.arguments import check_changes
from optimem.store.sealing import (
    NAMES_KEY,
    NameCipher,
    SealedRecord,
    check_crypto,
    key_id,
    record_place,
    seal,
    unseal,
)
from optimem.turns import RESERVED, Scope

log = logging.getLogger("optimem")

HOME = Scope(namespace=f"{RESERVED}sealed", session="names")
"""The one scope of a sealed store whose name shows. It holds the secret of all other names."""
NAMES = "secret"
BATCH = 64
"""Records sealed anew in one commit."""


def seal_store(store: Store, keys: KeyProvider | None, *, owned: bool) -> Store:
    """`store` as whoever holds `keys` sees it; a store that is not sealed as it is, if no keys are
    given. `owned`: closing what is returned closes `store`.

    Raises MissingKeyError for a sealed store whose key is not among `keys`, InputError for keys to
    a store that holds something unsealed, MissingExtraError without `cryptography`."""
    (found,) = store.get(HOME, [NAMES])
    if keys is None:
        if found is not None:
            raise MissingKeyError(
                "this store is sealed; give its key (OPTIMEM_KEY, OPTIMEM_KEY_FILE or keys=)"
            )
        return store
    check_crypto()
    if found is None:
        found = _begin(store, keys)
    secret = _opened(found.value, keys.opening(None), record_place(HOME, NAMES))
    if secret == LOCKED:
        raise MissingKeyError("this store is sealed with a key that was not given; give that one")
    if secret == TAMPERED:
        raise FormatError("the secret of this sealed store is damaged; restore it from a copy")
    return SealedStore(store, keys, secret, owned=owned)


def _begin(store: Store, keys: KeyProvider) -> Entry:
    """Make an empty store a sealed one, unless another process has just done so."""
    if next(iter(store.scopes()), None) is not None:
        (found,) = store.get(HOME, [NAMES])
        if found is not None:
            return found
        raise InputError(
            "a key was given, but this store holds memories that are not sealed; copy them to a "
            "new store that is (`optimem copy --unsealed`), or unset OPTIMEM_KEY and "
            "OPTIMEM_KEY_FILE"
        )
    place, secret = record_place(HOME, NAMES), secrets.token_bytes(NAMES_KEY)
    try:
        store.commit(HOME, [Change(NAMES, seal(secret, keys.sealing(None), place), expect=0)])
    except ConflictError:
        log.debug("another process has just sealed the store")
    (found,) = store.get(HOME, [NAMES])
    if found is None:
        raise ConflictError("the store was emptied as it was sealed; open it again")
    return found


class SealedStore:
    """A `Store` over another. Made by `seal_store`. A value that no key opens comes back as bytes
    that no reader takes for a record, so that damage is reported where it is and hides nothing
    else: reading it raises MissingKeyError or FormatError. Sizes are those of what is stored."""

    def __init__(self, store: Store, keys: KeyProvider, secret: bytes, *, owned: bool) -> None:
        self._store, self._keys, self._owned = store, keys, owned
        self._names = NameCipher(secret)

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """See `Store`."""
        sealed = [self._names.seal_key(scope, key) for key in keys]
        found = self._store.get(self._names.seal_scope(scope), sealed)
        known = self._keys.opening(scope) if any(found) else ()
        return [
            entry
            and Entry(key, entry.version, _opened(entry.value, known, record_place(scope, key)))
            for key, entry in zip(keys, found, strict=True)
        ]

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        """See `Store`. Reads all entries of a prefix's kind, which ends at its first colon."""
        kind = self._names.kind(scope, prefix) if ":" in prefix else ""
        found = []
        for info in self._store.entries(self._names.seal_scope(scope), kind):
            key = self._names.open_key(scope, info.key)
            if key.startswith(prefix):
                found.append(info._replace(key=key))
        return sorted(found, key=lambda info: info.key.encode())

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """See `Store`."""
        check_changes(changes)
        sealed = [self._sealed(scope, change) for change in changes]
        try:
            self._store.commit(self._names.seal_scope(scope), sealed)
        except ConflictError as error:
            message = str(error)
            for change, stored in zip(changes, sealed, strict=True):
                message = message.replace(stored.key, change.key)
            raise ConflictError(message) from None

    def scopes(self) -> Iterator[Scope]:
        """See `Store`. A scope that was written without the key is left out, with a warning in
        the log."""
        for _, scope in self._scopes():
            yield scope

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """See `Store`."""
        return self._opened_names(self._store.claim_due(now, limit, lease))

    def peek_due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """See `Store`."""
        return self._opened_names(self._store.peek_due(now, limit))

    def time(self) -> float:
        """See `Store`."""
        return self._store.time()

    def clear(self, scope: Scope) -> int:
        """See `Store`."""
        return self._store.clear(self._names.seal_scope(scope))

    def usage(self, scope: Scope) -> int:
        """See `Store`. Counts sealed bytes, which is what is stored."""
        return self._store.usage(self._names.seal_scope(scope))

    def wipe(self) -> list[str]:
        """See `Store`."""
        return self._store.wipe()

    def remains(self, scope: Scope, starts: Sequence[str]) -> list[str]:
        """See `Store`. A start that ends with a colon stands for a kind, others for a key."""
        sealed = [
            self._names.kind(scope, each)
            if each.endswith(":")
            else self._names.seal_key(scope, each)
            for each in starts
        ]
        return self._store.remains(self._names.seal_scope(scope), sealed)

    def describe(self) -> dict[str, str]:
        """See `Store`."""
        return {**self._store.describe(), "sealed": "yes"}

    def purge(self) -> list[str]:
        """See `Store`."""
        return self._store.purge()

    def close(self) -> None:
        """Close the store below, if this one owns it."""
        if self._owned:
            self._store.close()

    def rotate(self, progress: Progress | None = None) -> KeyRotation:
        """Seal every record anew that is not under the present key, while others read and write.
        `progress`: called with the records looked at so far, and as many. When nothing is left
        under an old key, it can be taken out of the keys given."""
        done = KeyRotation(records=0, resealed=0, unreadable=0, left=0)
        for done in self.rotation():
            if progress:
                progress(done.records, done.records)
        return done

    def rotation(self) -> Iterator[KeyRotation]:
        """The same in small steps, with the sum after each; to be left off at any time."""
        total = resealed = unreadable = left = 0
        for sealed, scope in [(HOME, None), *self._scopes()]:
            infos = self._store.entries(sealed)
            for start in range(0, len(infos), BATCH):
                batch = infos[start : start + BATCH]
                changes, failed = self._resealed(sealed, scope, batch)
                done = self._commit_each(sealed, changes)
                total, unreadable = total + len(batch), unreadable + failed
                resealed, left = resealed + done, left + len(changes) - done
                yield KeyRotation(
                    records=total, resealed=resealed, unreadable=unreadable, left=left
                )

    @property
    def has_old_keys(self) -> bool:
        """Whether records may be under another key than the present one."""
        return len(self._keys.opening(None)) > 1

    def _resealed(
        self, sealed: Scope, scope: Scope | None, infos: Sequence[EntryInfo]
    ) -> tuple[list[Change], int]:
        """What to write of some entries, and how many cannot be opened."""
        known = self._keys.opening(scope)
        if not known:  # the user's key was dropped, and is not to be made anew
            return [], len(infos)
        key, changes, failed = self._keys.sealing(scope), list[Change](), 0
        for info, entry in zip(
            infos, self._store.get(sealed, [info.key for info in infos]), strict=True
        ):
            if entry is None or _sealed_by(entry.value) == key_id(key):
                continue
            name = self._names.open_key(scope, info.key) if scope else info.key
            place = record_place(scope or HOME, name)
            plain = _opened(entry.value, known, place)
            if plain in (LOCKED, TAMPERED):
                failed += 1
            else:
                value = seal(plain, key, place)
                changes.append(Change(info.key, value, entry.version, info.due))
        return changes, failed

    def _commit_each(self, sealed: Scope, changes: Sequence[Change]) -> int:
        """Commit the changes that have no conflict; how many."""
        if not changes:
            return 0
        try:
            self._store.commit(sealed, changes)
        except ConflictError:
            if len(changes) == 1:
                return 0
            return sum(self._commit_each(sealed, [change]) for change in changes)
        return len(changes)

    def _scopes(self) -> Iterator[tuple[Scope, Scope]]:
        """Every scope below that is sealed, and what it stands for."""
        for sealed in self._store.scopes():
            if sealed == HOME:
                continue
            try:
                yield sealed, self._names.open_scope(sealed)
            except FormatError as error:
                log.warning("a scope of the sealed store is left out: %s", error)

    def _opened_names(self, sealed: Sequence[tuple[Scope, str]]) -> list[tuple[Scope, str]]:
        names = []
        for each, key in sealed:
            try:
                scope = self._names.open_scope(each)
                names.append((scope, self._names.open_key(scope, key)))
            except FormatError as error:
                log.warning("a due entry of the sealed store is left out: %s", error)
        return names

    def _sealed(self, scope: Scope, change: Change) -> Change:
        value = change.value
        if value is not None:
            place = record_place(scope, change.key)
            value = seal(value, self._keys.sealing(scope), place)
        return change._replace(key=self._names.seal_key(scope, change.key), value=value)


def _sealed_by(data: bytes) -> bytes:
    """The id of the key that sealed a record; empty for bytes that are none."""
    try:
        return SealedRecord.parse(data).key_id
    except FormatError:
        return b""


def _opened(data: bytes, keys: Sequence[bytes], place: bytes) -> bytes:
    """What a record holds, or what stands for one that cannot be opened."""
    try:
        record = SealedRecord.parse(data)
        key = next((key for key in keys if key_id(key) == record.key_id), None)
        return LOCKED if key is None else unseal(record, key, place)
    except FormatError:
        return TAMPERED
