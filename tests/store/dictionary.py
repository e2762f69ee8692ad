"""A store as dictionaries, stepped beside a real one: both must always agree."""

from collections.abc import Callable

import pytest
from hypothesis import strategies as st

from optimem.errors import ConflictError
from optimem.protocols import Change, Entry, EntryInfo, Store
from optimem.turns import Scope


class DictionaryStore:
    """A store as dictionaries: (scope, key) → [version, value, due]."""

    def __init__(
        self, scopes: tuple[Scope, ...], size: Callable[[str, bytes], tuple[int, int]]
    ) -> None:
        self.scopes, self.size = scopes, size
        self.held: dict[tuple[Scope, str], tuple[int, bytes, float | None]] = {}

    def step(self, store: Store, data: st.DataObject) -> None:
        """Do one random thing to both."""
        scope = data.draw(st.sampled_from(self.scopes))
        act = data.draw(st.sampled_from(["commit", "commit", "commit", "due", "clear"]))
        if act == "clear":
            assert store.clear(scope) == sum(s == scope for s, _ in self.held)
            self.held = {k: v for k, v in self.held.items() if k[0] != scope}
        elif act == "due":
            now, limit = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 3))
            claimed = store.claim_due(float(now), limit, lease=2.5)
            assert self.sorted_dues(claimed) == self.due_times(now)[:limit]
            for offer in claimed:
                version, value, _ = self.held[offer]
                self.held[offer] = (version, value, now + 2.5)
        else:
            self.commit(store, scope, data)

    def commit(self, store: Store, scope: Scope, data: st.DataObject) -> None:
        """Commit random changes to both, or to neither."""
        value = st.none() | st.binary(max_size=4)
        due = st.none() | st.integers(0, 9).map(float)
        expect = st.sampled_from([None, None, None, 0, 1, 2])
        change = st.builds(Change, st.sampled_from("abc"), value, expect, due)
        changes = data.draw(st.lists(change, max_size=3, unique_by=lambda c: c.key))
        versions = {c.key: self.held.get((scope, c.key), (0,))[0] for c in changes}
        if any(c.expect not in (None, versions[c.key]) for c in changes):
            with pytest.raises(ConflictError):
                store.commit(scope, changes)
            return
        store.commit(scope, changes)
        for c in changes:
            self.held.pop((scope, c.key), None)
            if c.value is not None:
                self.held[scope, c.key] = (versions[c.key] + 1, c.value, c.due)

    def due_times(self, now: float) -> list[float]:
        """Due times up to `now`, in order."""
        return sorted(due for _, _, due in self.held.values() if due is not None and due <= now)

    def sorted_dues(self, offers: list[tuple[Scope, str]]) -> list[float | None]:
        """Due times of offers, in the order offered."""
        return [self.held[offer][2] for offer in offers]

    def check(self, store: Store) -> None:
        """Both hold the same."""
        assert set(store.scopes()) == {scope for scope, _ in self.held}
        assert self.sorted_dues(store.peek_due(99, 99)) == self.due_times(99)
        for scope in self.scopes:
            held = {key: v for (s, key), v in self.held.items() if s == scope}
            infos = [
                EntryInfo(k, v[0], self.size(k, v[1])[1], v[2]) for k, v in sorted(held.items())
            ]
            assert store.entries(scope) == infos
            entries = [Entry(k, v[0], v[1]) for k, v in held.items()]
            assert store.get(scope, list(held)) == entries
            assert store.usage(scope) == sum(sum(self.size(k, v[1])) for k, v in held.items())
