"""What becomes of a page: at the next sweep, at its next change, and in the end.

Asks the sweep's own functions (`optimem.memory.fading.fate`), with later and later times. Writes
nothing. A page that is recalled in between fades later than is foretold here.
"""

from collections.abc import Callable
from functools import cache
from math import inf
from typing import NamedTuple

from optimem.memory.decay import DecayPolicy
from optimem.memory.fading.fate import RETRY_AFTER, Fate, Kept, fading_fate, next_due, settled_fate
from optimem.memory.records.records import PageRecord
from optimem.tiers import Tier

Draw = Callable[[Tier], PageRecord]
"""The page at a smaller tier, as a sweep would draw it."""


class Forecast(NamedTuple):
    """`now`: what a sweep at this moment makes of the page. `when`: of its next change, not before
    now, in seconds since the epoch; None if it never changes again. `then`: what it is afterwards;
    None if it is forgotten. `last`: the page at the smallest tier that it will ever reach, unless
    it is forgotten before. `refused`: what its floor refuses, the page one tier below `last`; None
    if nothing is refused. `forgotten`: when it is forgotten; None for never."""

    now: Fate
    when: float | None
    then: PageRecord | None
    last: PageRecord
    refused: PageRecord | None
    forgotten: float | None


def forecast(
    record: PageRecord, due: float | None, policy: DecayPolicy, now: float, draw: Draw
) -> Forecast:
    """The future of a page. `due`: when its entry is due; None for never."""
    drawn = cache(draw)
    waits = due is None or due > now
    last = _fate(record, policy.model_copy(update={"forget_after": None}), inf, drawn)
    assert last.page is not None
    end = last.page
    at_once = Fate(record, _waiting(record, policy, now)) if waits else None
    when, then = _next_change(record, due, policy, now, drawn)
    below = end.tier.below if end.tier and not end.pinned else None
    age = None if record.pinned else policy.forget_after
    return Forecast(
        now=at_once or _fate(record, policy, now, drawn),
        when=when,
        then=then,
        last=end,
        refused=drawn(below) if below else None,
        forgotten=None if age is None else record.accessed + age,
    )


def _fate(record: PageRecord, policy: DecayPolicy, now: float, draw: Draw) -> Fate:
    return settled_fate(record, policy, now) or fading_fate(record, policy, now, draw)


def _waiting(record: PageRecord, policy: DecayPolicy, now: float) -> Kept:
    """Why a page that is not due stays: only its floor can have put off one of its age."""
    fate = settled_fate(record, policy, now)
    return (fate and fate.kept) or "floor"


def _next_change(
    record: PageRecord, due: float | None, policy: DecayPolicy, now: float, draw: Draw
) -> tuple[float | None, PageRecord | None]:
    """Sweep whenever the page is due, until it changes or is too old ever to change."""
    oldest = record.accessed + max(policy.tiny, policy.forget_after or 0.0) + RETRY_AFTER
    while due is not None:
        moment = max(due, now)
        fate = _fate(record, policy, moment, draw)
        if not fate.kept:
            return moment, fate.page
        if moment > oldest:
            break
        due = next_due(record, policy, moment)
    return None, record
