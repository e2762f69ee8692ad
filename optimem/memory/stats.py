"""What a memory holds and what each part of it costs, counted from the stored bytes."""

from collections import Counter
from collections.abc import Iterable

from optimem.memory import serialization
from optimem.memory.records import INDEX_PREFIX, PAGE_PREFIX, TAIL_PREFIX, TURN_PREFIX, PageRecord
from optimem.memory.scope_records import ScopeRecords
from optimem.omem.container import compress
from optimem.results import MemoryStats


def _count_page(counts: Counter[str], data: bytes, record: PageRecord) -> None:
    parts = serialization.page_bytes(data)
    counts["pages"] += 1
    counts["vision_tokens"] += record.tier.tokens if record.tier else 0
    counts["positions"] += record.tier.positions if record.tier else 0
    counts["text_bytes"] += record.text_bytes
    counts["zstd_bytes"] += record.zstd_bytes
    counts["token_bytes"] += parts.tokens
    counts["kept_text_bytes"] += parts.text
    counts["structure_bytes"] += parts.structure
    counts["verbatim_bytes"] += parts.verbatim
    counts["doubt_bytes"] += parts.doubts


def memory_stats(all_records: Iterable[ScopeRecords]) -> MemoryStats:
    """The accounts of some scopes together."""
    counts: Counter[str] = Counter()
    tiers: Counter[str] = Counter()
    dues: list[float] = []
    for scope_records in all_records:
        counts["scopes"] += 1
        for info in scope_records.store.entries(scope_records.scope):
            kind = info.key.partition(":")[0] + ":"
            counts["stored_bytes"] += len(info.key.encode()) + info.size
            counts["turns"] += kind == TURN_PREFIX
            counts["index_bytes"] += info.size if kind == INDEX_PREFIX else 0
            counts["tail_bytes"] += info.size if kind == TAIL_PREFIX else 0
            if info.due is not None:
                dues.append(info.due)
            if kind == PAGE_PREFIX:
                (entry,) = scope_records.store.get(scope_records.scope, [info.key])
                if entry:
                    record = serialization.unpack_page(entry.value)
                    tiers[record.tier.label if record.tier else "text"] += 1
                    _count_page(counts, entry.value, record)
        for chunk in scope_records.chunks():
            counts["text_bytes"] += len(chunk.text.encode())
            counts["zstd_bytes"] += len(compress(chunk.text.encode()))
    named = [n for n in MemoryStats.model_fields if n.endswith("_bytes")]
    parts = set(named) - {"text_bytes", "zstd_bytes", "stored_bytes", "other_bytes"}
    counts["other_bytes"] = counts["stored_bytes"] - sum(counts[name] for name in parts)
    fields = set(MemoryStats.model_fields) - {"pages_by_tier", "next_due"}
    return MemoryStats(
        pages_by_tier=dict(tiers),
        next_due=min(dues, default=None),
        **{name: counts[name] for name in fields},
    )
