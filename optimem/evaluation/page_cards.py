"""The pages of a memory as the inspection shows them: a small image of what can still be read,
and what becomes of it. Reads pages and draws them smaller, as a sweep would; writes nothing.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from optimem.evaluation.forecast import Forecast, forecast
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.page_reading import PageReading, read_each
from optimem.memory.recall.recall import BATCH
from optimem.memory.records.records import PageRecord
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.writing.drawing import draw
from optimem.protocols import PageCodec
from optimem.renderers.images import thumbnail_png
from optimem.text.wording import ago, duration, percent
from optimem.tiers import Tier
from optimem.turns import Scope

THUMBNAIL = 192  # pixels a side
MOST_THUMBNAILS = 200
"""Pages with an image; each takes some 15 kB of the file."""
STAYS = {
    "pinned": "stays: pinned",
    "text": "stays: kept as text",
    "age": "stays: nothing smaller is due",
    "floor": "stays: held by its floor",
}


@dataclass(frozen=True)
class PageCard:
    """A page. `anchor`: its place in the report. `image`: a PNG as a data URI, empty for one
    that cannot be read and beyond `MOST_THUMBNAILS`. `future`: None if it cannot be read."""

    anchor: str
    scope: str
    record: PageRecord
    image: str
    future: Forecast | None


@dataclass(frozen=True)
class PageInspector:
    """Looks at the pages of a memory as they are at `now`."""

    codec: PageCodec
    policy: DecayPolicy
    now: float

    def cards(self, records: ScopeRecords, first: int) -> Iterator[PageCard]:
        """The pages of a scope in reading order, numbered from `first`."""
        dues = {info.key: info.due for info in records.store.entries(records.scope)}
        keys = records.page_keys()
        for start in range(0, len(keys), BATCH):
            found = [page.record for page in records.pages(keys[start : start + BATCH]) if page]
            for record, reading in zip(found, read_each(found, self.codec), strict=True):
                due = dues.get(record.key.page)
                read = reading if isinstance(reading, PageReading) else None
                yield self._card(records.scope, first, record, due, read)
                first += 1

    def _card(
        self, scope: Scope, number: int, record: PageRecord, due: float | None,
        reading: PageReading | None,
    ) -> PageCard:  # fmt: skip
        image, future = "", None
        if reading:
            smaller = partial(draw, record, reading.cells, codec=self.codec, policy=self.policy)
            future = forecast(record, due, self.policy, self.now, smaller)
            if number < MOST_THUMBNAILS:
                page = self.codec.renderer.page(reading.cells.ids)
                png = thumbnail_png(page.image(record.tier or Tier.LARGE), THUMBNAIL)
                image = "data:image/png;base64," + b64encode(png).decode()
        return PageCard(f"page-{number}", str(scope), record, image, future)


def tier_name(record: PageRecord | None) -> str:
    """The tier of a page, "text" for one kept as text, "forgotten" for none."""
    if record is None:
        return "forgotten"
    return record.tier.label if record.tier else "text"


def card_lines(card: PageCard, now: float, floor: float) -> dict[str, str]:
    """What the report says of a page: name and value."""
    record, future = card.record, card.future
    lines = {
        "now": f"{tier_name(record)}, {percent(record.accuracy)} expected right",
        "written": ago(now - record.created),
        "recalled": ago(now - record.accessed) if record.accessed > record.created else "never",
    }
    if future is None:
        return {**lines, "next": "cannot be read; a sweep leaves it as it is"}
    return {**lines, "next": _next_line(future, now), "floor": _last_line(future, floor)}


def _next_line(future: Forecast, now: float) -> str:
    if future.when is None:
        held = future.now.kept == "age" and future.refused
        return STAYS["floor" if held else future.now.kept or "age"]
    change = "is forgotten" if future.then is None else f"fades to {tier_name(future.then)}"
    when = "at the next sweep" if future.when <= now else f"in {duration(future.when - now)}"
    return f"{change} {when}"


def _last_line(future: Forecast, floor: float) -> str:
    """How small it will get, and why no smaller."""
    line = tier_name(future.last)
    if future.refused:
        accuracy = f"{percent(future.refused.legibility, 1)}, under {percent(floor, 0)}"
        line += f"; {tier_name(future.refused)} would read {accuracy}"
    return line
