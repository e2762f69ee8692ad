"""What a sweep makes of a page: it stays, and why; it is drawn smaller; or it is forgotten.

Decides, and writes nothing. The sweep acts on it, and `optimem inspect` shows it, so that the two
never disagree.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from optimem.memory.decay import DecayPolicy
from optimem.memory.records import PageRecord
from optimem.tiers import Tier

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
    """The fate of a page that is old enough to fade: at the smallest tier that its floor allows,
    of its age's tier and up. `draw`: the page at a tier, asked for as few as possible."""
    target = policy.tier_at(now - record.accessed)
    assert target is not None  # others are settled
    assert record.tier is not None
    tiers = [tier for tier in Tier if target <= tier < record.tier]
    drawn = (draw(tier) for tier in tiers)
    faded = next((each for each in drawn if each.accuracy >= policy.floor), None)
    return Fate(faded) if faded else Fate(record, "floor")
