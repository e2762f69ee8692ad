"""The upkeep of a memory: fading, pinning, forgetting, checking, and what it costs.

Checks what comes in and calls the engine in `optimem.memory`; holds no logic of its own.
"""

from optimem.api.operations import MemoryOperations
from optimem.memory.background import async_twin
from optimem.memory.caching import clear_cache
from optimem.memory.checking import check_scopes
from optimem.memory.fading import Fader, SweepProgress
from optimem.memory.forgetting import TurnForgetter, forget_scopes
from optimem.memory.pinning import set_pinned
from optimem.memory.scope_records import ScopeRecords
from optimem.memory.stats import memory_stats
from optimem.memory.tombstones import FORGOTTEN, readmit
from optimem.memory.word_secret import HOME as WORD_SECRET
from optimem.results import CheckReport, ForgetReceipt, MemoryStats, SweepReport
from optimem.turns import RESERVED, Scope

OWN = (FORGOTTEN, WORD_SECRET.namespace)
"""Namespaces that hold nothing of what was remembered."""


class MemoryUpkeep(MemoryOperations):
    """What whoever runs a memory calls, beside those who write and read it."""

    def sweep(
        self,
        *,
        now: float | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        lease: float = 60.0,
        progress: SweepProgress | None = None,
    ) -> SweepReport:
        """Let every page that is due fade, or `limit` of them.

        Several processes may sweep at once: each page is offered to one of them for `lease`
        seconds. `now`: default the store's clock. `dry_run`: report what would happen and change
        nothing. `progress`: called with the number of pages looked at so far. `work` and
        `start_worker` do the same for as long as they run.
        """
        self._background.wait()
        fader = Fader(self.store, self.codec, self.policy, self._store_now(now), dry_run)
        return fader.sweep(limit, lease, progress)

    def pin(self, scope: Scope | str, turn: str) -> None:
        """Keep the pages of a turn, given by its id, from fading. Raises InputError for an
        unknown turn."""
        set_pinned(self._records(scope), turn, self.policy, pinned=True)

    def unpin(self, scope: Scope | str, turn: str) -> None:
        """Let a pinned turn fade again. Raises InputError for an unknown turn."""
        set_pinned(self._records(scope), turn, self.policy, pinned=False)

    def forget(self, scope: Scope | str, *, turn: str | None = None) -> ForgetReceipt:
        """Delete a whole scope, or one turn of it by its id: text, pages, index and due times.
        What was forgotten is not stored again: a hash of each id stays behind, and `append` leaves
        such turns out until `readmit`. Raises InputError for an unknown turn."""
        records = self._records(scope)
        self._background.wait()
        try:
            if turn is None:
                return forget_scopes([records], self._now(None))
            forgetter = TurnForgetter(records, self.codec, self.policy, self._now(None))
            return forgetter.forget(turn)
        finally:
            clear_cache(self.codec.decoder)

    def forget_user(self, user: str, *, namespace: str = "") -> ForgetReceipt:
        """Delete all scopes of a user in a namespace, as `forget` does."""
        self._records(Scope(session="any", user=user, namespace=namespace))  # raises if reserved
        self._background.wait()
        scopes = [s for s in self.store.scopes() if (s.namespace, s.user) == (namespace, user)]
        try:
            return forget_scopes([self._records(each) for each in scopes], self._now(None))
        finally:
            clear_cache(self.codec.decoder)

    def readmit(self, scope: Scope | str, *, turn: str | None = None) -> int:
        """Let `append` store again what was forgotten: a turn by its id, or a scope and all its
        turns. Brings nothing back. Returns the number of turns."""
        return readmit(self._records(scope), turn)

    def purge(self) -> list[str]:
        """Have the store rewrite its files, so that nothing of what was forgotten or replaced is
        left in them: SQLite's file, a Redis server's append-only file and snapshot. Takes as long
        as the whole store is large. Returns where such bytes may still be, each place with the
        reason and the remedy; empty if nowhere that the store knows of."""
        self.drain()
        return self.store.purge()

    def stats(self, scope: Scope | str | None = None) -> MemoryStats:
        """What a scope, or by default the whole store, holds and costs."""
        if scope is not None:
            return memory_stats([self._records(scope)])
        scopes = [each for each in self.store.scopes() if each.namespace not in OWN]
        return memory_stats(ScopeRecords(self.store, each) for each in scopes)

    def check(self, scope: Scope | str | None = None, *, repair: bool = False) -> CheckReport:
        """What cannot be read of a scope, or of all, or does not fit the rest. Pages are not
        decoded. `repair`: make again what can be made from the rest, such as indexes, and remove
        what is lost, such as a damaged page; the rest can then be written to again."""
        every = self.store.scopes() if scope is None else [Scope.parse(scope)]
        scopes = [each for each in every if scope or not each.namespace.startswith(RESERVED)]
        records = [self._records(each) for each in scopes]
        return check_scopes(records, self.codec, self.policy, repair=repair)

    asweep = async_twin(sweep)
    apin = async_twin(pin)
    aunpin = async_twin(unpin)
    aforget = async_twin(forget)
    aforget_user = async_twin(forget_user)
    areadmit = async_twin(readmit)
    apurge = async_twin(purge)
    astats = async_twin(stats)
    acheck = async_twin(check)
