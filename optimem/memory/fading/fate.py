"""What a sweep makes of a page: it stays, and why; it is drawn smaller; or it is forgotten.

Decides, and writes nothing. The sweep acts on it, and `optimem inspect` shows it, so that the two
never disagree.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Literal, NamedTuple

from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.records.records import PageRecord
from optimem.tiers import Tier

RETRY_AFTER = 30 * DAY
"""Seconds until a page that its floor keeps from fading, or that cannot be read, is due again."""

Kept = Literal["pinned", "text", "age", "floor"]
"""Why a page stays as it is: a pinned turn lies on it; it is kept as text, which does not fade; it
is not old enough for a smaller tier; its floor allows none."""


class Fate(NamedTuple):
    """`page`: the page afterwards; None if it is forgotten. `kept`: why it stays as it is; None
    if it changes."""

    page: PageRecord | None
    kept: Kept | None = None


def settled_fate(record: PageRecord, policy: DecayPolicy, now: float) -> Fate | None:
    """The fate of a page that need not be read for it; None if it is old enough to fade."""
    target = policy.tier_at(now - record.accessed)
    if record.pinned:
        return Fate(record, "pinned")
    if target is None:
        return Fate(None)
    if record.tier is None:
        return Fate(record, "text")
    return Fate(record, "age") if target >= record.tier else None


def fading_fate(
    record: PageRecord, policy: DecayPolicy, now: float, draw: Callable[[Tier], PageRecord]
) -> Fate:
    """The fate of one page that is old enough to fade; see `fading_fates`. `draw`: the page at a
    tier."""
    (fate,) = fading_fates([record], policy, now, lambda tier, _: [draw(tier)])
    return fate


def fading_fates(
    records: Sequence[PageRecord],
    policy: DecayPolicy,
    now: float,
    draw: Callable[[Tier, Sequence[int]], Sequence[PageRecord]],
) -> list[Fate]:
    """The fates of pages that are old enough to fade: each at the smallest tier that its floor
    allows, of its age's tier and up. `draw`: the pages at some places of `records`, drawn at a
    tier; asked for as few as possible."""
    fates = [Fate(record, "floor") for record in records]
    targets = [policy.tier_at(now - record.accessed) for record in records]
    for tier in Tier:
        places = [
            at
            for at, (record, target) in enumerate(zip(records, targets, strict=True))
            if fates[at].kept and target and record.tier and target <= tier < record.tier
        ]
        drawn = draw(tier, places) if places else []
        for at, page in zip(places, drawn, strict=True):
            if page.legibility >= policy.floor:
                fates[at] = Fate(page)
    return fates


def next_due(record: PageRecord, policy: DecayPolicy, now: float) -> float | None:
    """When a page is due after a sweep at `now`; None for never. A time that has passed, which
    only the floor holds up, is put off, but not beyond the age at which the page is forgotten."""
    due = policy.page_due(record)
    if due is None or due > now:
        return due
    forgotten = inf if policy.forget_after is None else record.accessed + policy.forget_after
    return min(now + RETRY_AFTER, forgotten) if forgotten > now else now + RETRY_AFTER
