"""A store copied to another, byte for byte, with due times; resumed where it stopped, and compared.

The state of a scope is copied last, so that half a scope never looks like a whole one. The secret
of the words comes first, as every index needs it. What is written to the source meanwhile is copied
too. Unless the target is to be replaced, nothing that it holds is lost, and nothing comes back that
was forgotten there. Knows nothing of what else the bytes mean.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from optimem.errors import ConflictError, InputError
from optimem.memory.records.records import STAMP_KEY, STATE_KEY
from optimem.memory.records.tombstones import graves_of
from optimem.memory.records.word_secret import HOME as WORD_SECRET
from optimem.protocols import Change, Entry, EntryInfo, Store
from optimem.reports import CopyReport
from optimem.turns import Scope

BATCH = 64
"""Entries copied in one commit."""
LAST = (STATE_KEY, STAMP_KEY)
"""Entries of a scope that are copied last."""
ATTEMPTS = 10
"""Times a scope is looked at again because somebody writes to it."""

CopyProgress = Callable[[int], None]
"""Called with the number of scopes done."""


@dataclass(frozen=True)
class Copier:
    """Copies scopes. `replace`: scopes of the target that hold something else, or were forgotten in
    one of the stores only, are made equal to the source's; otherwise they are left as they are and
    named."""

    source: Store
    target: Store
    replace: bool = False

    def copy(self, progress: CopyProgress | None = None) -> CopyReport:
        """Copy every scope, and compare it. Raises InputError for a source that holds nothing, and
        for a target whose words are hidden under another secret."""
        self._check_secret()
        done = entries = copied = size = 0
        left = list[str]()
        for scope in self._scopes():
            try:
                found = self._copy_scope(scope)
            except ConflictError as error:
                left.append(f"{scope}: {error}")
            else:
                entries, copied, size = entries + found[0], copied + found[1], size + found[2]
            done += 1
            if progress:
                progress(done)
        if not done:
            raise InputError("there is nothing to copy; is the address of the source right?")
        gone = self._forgotten_here()
        return CopyReport(
            scopes=done + len(gone), entries=entries, copied=copied, bytes=size, left=left + gone
        )

    def _scopes(self) -> Iterator[Scope]:
        """All scopes of the source, that of the secret first."""
        if self.source.entries(WORD_SECRET):
            yield WORD_SECRET
        yield from (scope for scope in self.source.scopes() if scope != WORD_SECRET)

    def _check_secret(self) -> None:
        here, there = (
            [entry and entry.value for entry in store.get(WORD_SECRET, self._secret_keys())]
            for store in (self.source, self.target)
        )
        if any(there) and here != there:
            raise InputError(
                "the target hides the words of its indexes under a secret of its own, so that "
                "copied pages would not be found; copy to a new store"
            )

    def _secret_keys(self) -> list[str]:
        stores = (self.source, self.target)
        return sorted({info.key for store in stores for info in store.entries(WORD_SECRET)})

    def _copy_scope(self, scope: Scope) -> tuple[int, int, int]:
        """Copy a scope: its entries, those that had to be copied, and their bytes. Raises
        ConflictError for a scope that cannot be made equal."""
        copied = size = 0
        for _ in range(ATTEMPTS):
            infos = {info.key: info for info in self.source.entries(scope)}
            changes = self._differences(scope, infos)
            if not changes:
                return len(infos), copied, size
            if not self.replace and not copied:
                self._check_free(scope, infos, changes)
            self._write(scope, changes)
            copied += sum(change.value is not None for change in changes)
            size += sum(len(change.value or b"") for change in changes)
        raise ConflictError("the source kept changing; copy again")

    def _check_free(self, scope: Scope, infos: dict[str, EntryInfo], changes: list[Change]) -> None:
        """Raise ConflictError if the target would lose something by these changes, other than a
        part of a copy, or get back what was forgotten there."""
        graves = graves_of(scope)
        if _keys(self.target, graves) - _keys(self.source, graves):
            raise ConflictError("it was forgotten in the target; readmit it there, or replace it")
        if STATE_KEY in infos:
            held = self.target.get(scope, [STATE_KEY]) != [None]
        else:
            held = not _keys(self.target, scope).isdisjoint(change.key for change in changes)
        if held:
            raise ConflictError(
                "the target holds something else there; forget it there, or replace it"
            )

    def _forgotten_here(self) -> list[str]:
        """Clear the scopes of the target that were forgotten in the source, if they are to be
        replaced; otherwise name them."""
        gone = [
            scope
            for scope in list(self.target.scopes())
            if self.source.entries(graves_of(scope)) and not self.source.entries(scope)
        ]
        if not self.replace:
            return [f"{scope}: it was forgotten in the source; forget it too" for scope in gone]
        for scope in gone:
            self.target.clear(scope)
        return []

    def _write(self, scope: Scope, changes: list[Change]) -> None:
        """Write a scope's changes, its state last, until which it has none, and its stamp with it,
        so that nobody takes half a scope's pages for all of them."""
        last = [change for change in changes if change.key in LAST]
        others = [change for change in changes if change.key not in LAST]
        if len(others) >= BATCH or not last:
            last = [_change(entry, None) for entry in self.source.get(scope, LAST) if entry]
        if len(others) >= BATCH:
            self.target.commit(scope, [Change(key, None) for key in LAST])
        while len(others) >= BATCH:
            self.target.commit(scope, others[:BATCH])
            others = others[BATCH:]
        self.target.commit(scope, [*others, *last])

    def _differences(self, scope: Scope, infos: dict[str, EntryInfo]) -> list[Change]:
        """What to write so that the target's scope equals the source's."""
        changes = [
            Change(info.key, None) for info in self.target.entries(scope) if info.key not in infos
        ]
        keys = list(infos)
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            here, there = self.source.get(scope, batch), self.target.get(scope, batch)
            for mine, copy in zip(here, there, strict=True):
                if mine and (copy is None or copy.value != mine.value):
                    changes.append(_change(mine, infos[mine.key].due))
        return changes


def _change(entry: Entry, due: float | None) -> Change:
    return Change(entry.key, entry.value, due=due)


def _keys(store: Store, scope: Scope) -> set[str]:
    return {info.key for info in store.entries(scope)}
