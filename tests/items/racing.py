"""A store on which somebody else is always faster: what races do, without threads."""

from collections.abc import Callable, Sequence

from optimem.protocols import Change, Entry, Store
from optimem.turns import Scope


class RacingStore:
    """Another store, with something done just before the next commit or the next second read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.before_commit: list[Callable[[], None]] = []
        self.between_reads: list[Callable[[], None]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        found = self._store.get(scope, keys)
        if self.between_reads:
            self.between_reads.pop(0)()
        return found

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        if self.before_commit:
            self.before_commit.pop(0)()
        self._store.commit(scope, changes)
