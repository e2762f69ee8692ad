"""What a memory holds and what each part of it costs, counted from the stored bytes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from optimem.memory.records.records import EntryKind, PageParts, PageRecord
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.settling import readings
from optimem.memory.records.vector_records import read_vector_segments, vector_segment_keys
from optimem.omem.container import compress
from optimem.reports import MemoryStats, PageSummary, ScopeSize
from optimem.results import Unreadable

INDEX_KINDS = (EntryKind.INDEX, EntryKind.SEGMENT, EntryKind.BLOCK)
VECTOR_KINDS = (EntryKind.VECTORS, EntryKind.VECTOR_SEGMENT)
PARTS = (
    "token_bytes", "kept_text_bytes", "structure_bytes", "correction_bytes", "index_bytes",
    "vector_bytes", "tail_bytes",
)  # fmt: skip
"""Fields that, with `other_bytes`, add up to `stored_bytes`."""


@dataclass
class ScopeCounts:
    """What one scope holds, or several."""

    counts: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    dues: list[float] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    def add(self, other: "ScopeCounts") -> None:
        """Count another scope too."""
        self.counts += other.counts
        self.tiers += other.tiers
        self.dues += other.dues
        self.unreadable += other.unreadable


def newest_pages(records: ScopeRecords, count: int) -> list[PageSummary]:
    """What the last pages of a scope hold, the newest first. Decodes none; those that cannot be
    read are left out."""
    keys = records.page_keys()[::-1][:count]
    found = replace(records, damage={}).pages(keys)
    return [_page_summary(each.record) for each in found if each]


def _page_summary(page: PageRecord) -> PageSummary:
    times = [span.time for span in page.spans]
    tier = page.tier.label if page.tier else "text"
    return PageSummary(page=page.id, tier=tier, turns=len(times), first=min(times), last=max(times))


def scope_size(records: ScopeRecords) -> ScopeSize:
    """What a scope holds, from a listing alone."""
    sizes = records.entry_sizes()
    dues = [entry.due for entry in sizes if entry.due is not None]
    kinds = Counter(entry.kind for entry in sizes)
    return ScopeSize(
        scope=str(records.scope),
        turns=kinds[EntryKind.TURN],
        pages=kinds[EntryKind.PAGE],
        bytes=sum(entry.key + entry.value for entry in sizes),
        next_due=min(dues, default=None),
    )


def memory_stats(
    scopes: Iterable[ScopeRecords], store: dict[str, str] | None = None
) -> MemoryStats:
    """What some scopes hold and cost together. `store`: described, if they are all of it."""
    counted = ScopeCounts()
    for records in scopes:
        counted.add(_settled_counts(records))
    counts = counted.counts
    fields = set(MemoryStats.model_fields) - {"pages_by_tier", "next_due", "unreadable", "store"}
    return MemoryStats(
        pages_by_tier=dict(counted.tiers),
        next_due=min(counted.dues, default=None),
        unreadable=counted.unreadable,
        store=store or {},
        **{name: counts[name] for name in fields},
    )


def _settled_counts(records: ScopeRecords) -> ScopeCounts:
    """What a scope holds, as of a moment at which nobody wrote, if there was one."""
    *_, (_, last) = readings(records, partial(_counts, records))
    return last


def _counts(records: ScopeRecords) -> ScopeCounts:
    records, found = replace(records, damage={}), ScopeCounts()
    counts = found.counts
    counts["scopes"] += 1
    for kind, key, value, due in records.entry_sizes():
        counts["stored_bytes"] += key + value
        counts["turns"] += kind is EntryKind.TURN
        counts["index_bytes"] += value if kind in INDEX_KINDS else 0
        counts["vector_bytes"] += value if kind in VECTOR_KINDS else 0
        counts["pages_with_vectors"] += kind is EntryKind.VECTORS
        counts["tail_bytes"] += value if kind is EntryKind.CHUNK else 0
        found.dues += [] if due is None else [due]
    segments = read_vector_segments(records, vector_segment_keys(records))
    counts["pages_with_vectors"] += sum(len(segment or ()) for segment in segments.values())
    for page, parts in records.page_parts():
        found.tiers[page.tier.label if page.tier else "text"] += 1
        _count_page(counts, page, parts)
    for chunk in records.chunks():
        text = chunk.text.encode()
        counts["text_bytes"] += len(text)
        counts["zstd_bytes"] += len(compress(text))
    found.unreadable += (records.damage or {}).values()
    others = counts["stored_bytes"] - sum(counts[name] for name in PARTS)
    counts["other_bytes"] = max(others, 0)  # pages that were written since the listing
    return found


def _count_page(counts: Counter[str], page: PageRecord, parts: PageParts) -> None:
    counts["pages"] += 1
    counts["vision_tokens"] += page.tier.tokens if page.tier else 0
    counts["positions"] += page.tier.positions if page.tier else 0
    counts["text_bytes"] += page.text_bytes
    counts["zstd_bytes"] += page.zstd_bytes
    counts["token_bytes"] += parts.tokens
    counts["kept_text_bytes"] += parts.text
    counts["structure_bytes"] += parts.structure
    counts["correction_bytes"] += parts.corrections
