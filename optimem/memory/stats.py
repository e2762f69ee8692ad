"""What a memory holds and what each part of it costs, counted from the stored bytes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from optimem.memory.records import EntryKind, PageParts, PageRecord
from optimem.memory.scope_records import ScopeRecords
from optimem.omem.container import compress
from optimem.reports import MemoryStats, ScopeSize
from optimem.results import Unreadable

PARTS = (
    "token_bytes", "kept_text_bytes", "structure_bytes", "correction_bytes", "index_bytes",
    "tail_bytes",
)  # fmt: skip
"""Fields that, with `other_bytes`, add up to `stored_bytes`."""


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
    counts: Counter[str] = Counter()
    tiers: Counter[str] = Counter()
    dues: list[float] = []
    unreadable = list[Unreadable]()
    for records in scopes:
        records = replace(records, damage={})
        counts["scopes"] += 1
        for kind, key, value, due in records.entry_sizes():
            counts["stored_bytes"] += key + value
            counts["turns"] += kind is EntryKind.TURN
            counts["index_bytes"] += value if kind is EntryKind.INDEX else 0
            counts["tail_bytes"] += value if kind is EntryKind.CHUNK else 0
            if due is not None:
                dues.append(due)
        for page, parts in records.page_parts():
            tiers[page.tier.label if page.tier else "text"] += 1
            _count_page(counts, page, parts)
        for chunk in records.chunks():
            text = chunk.text.encode()
            counts["text_bytes"] += len(text)
            counts["zstd_bytes"] += len(compress(text))
        unreadable += (records.damage or {}).values()
    counts["other_bytes"] = counts["stored_bytes"] - sum(counts[name] for name in PARTS)
    fields = set(MemoryStats.model_fields) - {"pages_by_tier", "next_due", "unreadable", "store"}
    return MemoryStats(
        pages_by_tier=dict(tiers),
        next_due=min(dues, default=None),
        unreadable=unreadable,
        store=store or {},
        **{name: counts[name] for name in fields},
    )


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
