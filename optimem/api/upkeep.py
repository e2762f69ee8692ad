"""The upkeep of a memory: fading, pinning, forgetting, checking, and what it costs.

Checks what comes in and calls the engine in `optimem.memory`; holds no logic of its own.
"""

from pathlib import Path

from optimem import build
from optimem.api.operations import MemoryOperations
from optimem.errors import InputError
from optimem.memory.background import async_twin
from optimem.memory.fading.fading import Fader, SweepProgress
from optimem.memory.fading.pinning import set_pinned
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.tombstones import FORGOTTEN, readmit
from optimem.memory.records.word_secret import HOME as WORD_SECRET
from optimem.memory.upkeep.checking import check_scopes
from optimem.memory.upkeep.forgetting import TurnForgetter, forget_before, forget_scopes
from optimem.memory.upkeep.limits import user_scopes
from optimem.memory.upkeep.receipts import verify_receipt
from optimem.memory.upkeep.reencoding import Reencoder
from optimem.memory.upkeep.reindexing import Reindexer
from optimem.memory.upkeep.stats import memory_stats
from optimem.protocols import PageCodec, Progress
from optimem.reports import (
    CheckReport,
    ForgetReceipt,
    MemoryStats,
    ReceiptCheck,
    ReencodeReport,
    ReindexReport,
    SweepReport,
)
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

    def forget(
        self, scope: Scope | str, *, turn: str | None = None, before: float | None = None
    ) -> ForgetReceipt:
        """Delete a whole scope, one turn of it by its id, or all its turns of a time before
        `before`: text, pages, index and due times. What was forgotten is not stored again: a hash
        of each id stays behind, and `append` leaves such turns out until `readmit`. Raises
        InputError for an unknown turn, and for both a turn and a time."""
        records = self._records(scope)
        if turn is not None and before is not None:
            raise InputError(f"both the turn {turn!r} and a time were given; give one of them")
        if turn is None:
            return self._forget([records], before)
        self._background.wait()
        try:
            return TurnForgetter(records, self.codec, self.policy, self._now(None)).forget(turn)
        finally:
            self._clear_caches()

    def forget_user(
        self, user: str, *, namespace: str = "", before: float | None = None
    ) -> ForgetReceipt:
        """Delete all scopes of a user in a namespace, or the turns in them of a time before
        `before`, as `forget` does."""
        like = Scope(session="any", user=user, namespace=namespace)
        self._records(like)  # raises if reserved
        scopes = user_scopes(self.store, like)
        return self._forget([self._records(each) for each in scopes], before)

    def verify_receipt(self, receipt: ForgetReceipt) -> ReceiptCheck:
        """Look through the store for what a receipt says is gone: every entry of its scopes, and
        the store's own files."""
        return verify_receipt([self._records(scope) for scope in receipt.scopes], receipt)

    def _forget(self, scopes: list[ScopeRecords], before: float | None) -> ForgetReceipt:
        now = self._now(None)
        self._background.wait()
        try:
            if before is None:
                return forget_scopes(scopes, now)
            return forget_before(scopes, self._now(before), self.codec, self.policy, now)
        finally:
            self._clear_caches()

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
        records = (ScopeRecords(self.store, each) for each in scopes)
        return memory_stats(records, self.store.describe())

    def check(self, scope: Scope | str | None = None, *, repair: bool = False) -> CheckReport:
        """What cannot be read of a scope, or of all, or does not fit the rest. Pages are not
        decoded. `repair`: make again what can be made from the rest, such as indexes, and remove
        what is lost, such as a damaged page; the rest can then be written to again."""
        every = self.store.scopes() if scope is None else [Scope.parse(scope)]
        scopes = [each for each in every if scope or not each.namespace.startswith(RESERVED)]
        records = [self._records(each) for each in scopes]
        return check_scopes(records, self.codec, self.policy, repair=repair)

    def reencode(
        self,
        source: "str | Path | PageCodec | None" = None,
        *,
        scope: Scope | str | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ReencodeReport:
        """Write pages of another model, or of other weights, anew with the memory's own, in a scope
        or the whole store.

        `source`: what reads them: a weights file (`optimem-nano.safetensors.zst` of that release),
        a model as in `open`, or a codec; without one such pages are only named. Turns keep ids,
        roles, times and pins, pages their tiers and due times. Exact turns stay exact; of others,
        what was certain stays as read and what was doubtful stays marked. A page kept as text, and
        the vision tokens of images, stay as they are.

        May run beside writers and workers, several times, and again after an interruption.
        `dry_run`: count pages, and change and decode nothing. `progress`: called with the pages
        looked at and all pages. Raises InputError for a source that is not a model or writes
        today's pages, FormatError for a broken weights file, and FingerprintError for weights of
        other pages than this release draws.
        """
        reader = None if source is None else build.old_codec(source)
        today = self.codec.encoder.fingerprint
        if reader and reader.encoder.fingerprint == today:
            raise InputError(
                f"what is to read the old pages is {today!r}, which writes this memory's pages "
                "already; give the weights or the model that wrote the old ones"
            )
        every = self._memory_scopes() if scope is None else [Scope.parse(scope)]
        records = [self._records(each) for each in every]
        self._background.wait()
        return Reencoder(self.codec, self.policy, reader, dry_run).reencode(records, progress)

    def reindex(
        self,
        *,
        scope: Scope | str | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ReindexReport:
        """Make the vectors of pages that have none of the memory's embedding model, in a scope or
        the whole store, from what can be read of them: after the model was given or changed, was
        out of reach, or a turn was forgotten that shared a vector with others.

        May run beside writers and workers, several times, and again after an interruption.
        `dry_run`: count pages, and change nothing. `progress`: called with the pages done and all
        pages. Raises InputError for a memory without `embeddings`, and EmbeddingError if the model
        fails.
        """
        if self.meanings is None:
            raise InputError(
                "there is no embedding model to make vectors with; open the memory with "
                'embeddings=…, such as "minilm", or set OPTIMEM_EMBEDDINGS'
            )
        every = self._memory_scopes() if scope is None else [Scope.parse(scope)]
        records = [self._records(each) for each in every]
        self._background.wait()
        reindexer = Reindexer(self.meanings, self.codec, self.policy.uncertain, dry_run)
        return reindexer.reindex(records, progress)

    asweep = async_twin(sweep)
    areindex = async_twin(reindex)
    areencode = async_twin(reencode)
    apin = async_twin(pin)
    aunpin = async_twin(unpin)
    aforget = async_twin(forget)
    aforget_user = async_twin(forget_user)
    averify_receipt = async_twin(verify_receipt)
    areadmit = async_twin(readmit)
    apurge = async_twin(purge)
    astats = async_twin(stats)
    acheck = async_twin(check)
