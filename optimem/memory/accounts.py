"""What a memory holds and what each part of it costs, counted from the stored bytes."""

from collections import Counter
from collections.abc import Iterable

from optimem import codec, keys
from optimem.framing import squeeze
from optimem.memory.shelf import Shelf
from optimem.records import PageRecord
from optimem.results import MemoryStats


def _count_page(counts: Counter[str], data: bytes, record: PageRecord) -> None:
    parts = codec.page_bytes(data)
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


def memory_stats(shelves: Iterable[Shelf]) -> MemoryStats:
    """The accounts of some scopes together."""
    counts: Counter[str] = Counter()
    tiers: Counter[str] = Counter()
    dues: list[float] = []
    for shelf in shelves:
        counts["scopes"] += 1
        for info in shelf.store.entries(shelf.scope):
            kind = info.key.partition(":")[0] + ":"
            counts["stored_bytes"] += len(info.key.encode()) + info.size
            counts["turns"] += kind == keys.TURNS
            counts["index_bytes"] += info.size if kind == keys.INDEX else 0
            counts["tail_bytes"] += info.size if kind == keys.TAIL else 0
            if info.due is not None:
                dues.append(info.due)
            if kind == keys.PAGES:
                (entry,) = shelf.store.get(shelf.scope, [info.key])
                if entry:
                    record = codec.unpack_page(entry.value)
                    tiers[record.tier.label if record.tier else "text"] += 1
                    _count_page(counts, entry.value, record)
        for chunk in shelf.chunks():
            counts["text_bytes"] += len(chunk.text.encode())
            counts["zstd_bytes"] += len(squeeze(chunk.text.encode()))
    named = [n for n in MemoryStats.model_fields if n.endswith("_bytes")]
    parts = set(named) - {"text_bytes", "zstd_bytes", "stored_bytes", "other_bytes"}
    counts["other_bytes"] = counts["stored_bytes"] - sum(counts[name] for name in parts)
    fields = set(MemoryStats.model_fields) - {"pages_by_tier", "next_due"}
    return MemoryStats(
        pages_by_tier=dict(tiers),
        next_due=min(dues, default=None),
        **{name: counts[name] for name in fields},
    )
