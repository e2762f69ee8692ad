"""The pages of a memory at three times: now, after a sweep, and when all have faded as far as
their floor allows. Counts; pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from optimem.evaluation.page_cards import PageCard, tier_name
from optimem.memory.records.records import PageRecord
from optimem.text.wording import duration, percent
from optimem.tiers import Tier

ORDER = (*(tier.label for tier in sorted(Tier, reverse=True)), "text")
CHANGES = 12
"""Lines of what happens next."""
KEPT = {
    "age": "not old enough",
    "floor": "held by the floor",
    "pinned": "pinned",
    "text": "kept as text",
}


class Share(NamedTuple):
    """Pages at a tier. `part`: of all pages, 0 to 1. `style`: a colour's number."""

    tier: str
    pages: int
    part: float
    style: int


class Moment(NamedTuple):
    """The pages at a time: by tier, largest first, and what they cost and come to in words."""

    title: str
    shares: list[Share]
    tokens: int
    words: str


def timeline(cards: Sequence[PageCard], floor: float) -> list[Moment]:
    """Now, after a sweep now, and in the end if nothing is recalled."""
    readable = [(card, card.future) for card in cards if card.future]
    unreadable = [card.record for card in cards if card.future is None]
    swept = [future.now.page for _, future in readable]
    last = [None if future.forgotten else future.last for _, future in readable]
    held = sum(future.refused is not None for _, future in readable)
    return [
        _moment("Now", [card.record for card in cards], _count(len(cards), "page")),
        _moment("After a sweep now", [*swept, *unreadable], _sweep_words(cards)),
        _moment("In the end", [*last, *unreadable], _end_words(len(cards), held, floor)),
    ]


def _moment(title: str, pages: Iterable[PageRecord | None], words: str) -> Moment:
    kept = [page for page in pages if page is not None]
    counts = Counter(map(tier_name, kept))
    shares = [
        Share(tier, counts[tier], counts[tier] / len(kept), style)
        for style, tier in enumerate(ORDER)
        if counts[tier]
    ]
    tokens = sum(page.tier.tokens for page in kept if page.tier)
    return Moment(title, shares, tokens, words)


def _sweep_words(cards: Sequence[PageCard]) -> str:
    """What a sweep would do, and why it would leave the others."""
    kept: Counter[str] = Counter()
    moved = 0
    for card in cards:
        reason = card.future.now.kept if card.future else "unreadable"
        moved += reason is None
        kept[KEPT.get(reason, reason) if reason else ""] += 1
    del kept[""]
    stay = ", ".join(f"{count} {reason}" for reason, count in kept.most_common())
    return f"{_count(moved, 'page')} would change" + (f"; {stay}" if stay else "")


def _end_words(pages: int, held: int, floor: float) -> str:
    if not held:
        return "if nothing is recalled; the floor holds no page"
    return f"if nothing is recalled; the floor of {percent(floor, 0)} holds {held} of {pages}"


def next_changes(cards: Sequence[PageCard], now: float) -> list[list[str]]:
    """What happens next, soonest first, as rows: when, how many pages, what it saves."""
    pages, saved = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    changing = [(card.future.when, card.record, card.future.then)
                for card in cards if card.future and card.future.when is not None]  # fmt: skip
    for when, before, after in sorted(changing, key=itemgetter(0)):
        shown = "at the next sweep" if when <= now else f"in {duration(when - now)}"
        change = (shown, f"{tier_name(before)} → {tier_name(after)}")
        pages[change] += 1
        saved[change] += _tokens(before) - _tokens(after)
    rows = [[when, f"{count}", move, f"{saved[when, move]:,}"]
            for (when, move), count in list(pages.items())[:CHANGES]]  # fmt: skip
    return [["when", "pages", "change", "tokens saved"], *rows]


def _tokens(page: PageRecord | None) -> int:
    return page.tier.tokens if page and page.tier else 0


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
