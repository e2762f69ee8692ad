"""What is kept between calls, up to a size, and the pages that need not be decoded again."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from optimem import OpticalMemory
from optimem.memory.caching import LRU, CachingDecoder, clear_cache
from optimem.memory.decay import DAY, DecayPolicy
from optimem.protocols import ReadCells, VisionTokens
from optimem.testing.pages import PlainModel, PlainRenderer, plain_codec
from optimem.tiers import Tier
from optimem.turns import Turn


def test_the_least_recently_used_value_is_dropped() -> None:
    cache: LRU[str, int] = LRU(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]
    cache.put("a", 4)  # in the place of the old value
    assert [cache.get(key) for key in "ac"] == [4, 3]


def test_a_cleared_cache_holds_nothing() -> None:
    cache: LRU[str, int] = LRU(2)
    cache.put("a", 1)
    cache.clear()
    assert cache.get("a") is None


def test_many_threads_may_share_a_cache() -> None:
    cache: LRU[int, int] = LRU(7)

    def use(start: int) -> bool:
        for key in range(start, start + 3000):
            cache.put(key % 11, key % 11)
            if cache.get(key % 13) not in (None, key % 13):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(use, range(4)))
    assert sum(cache.get(key) is not None for key in range(13)) == 7


@pytest.fixture
def inner() -> PlainModel:
    return PlainModel()


def tokens(inner: PlainModel, *texts: str) -> list[VisionTokens]:
    renderer = PlainRenderer()
    return inner.encode([renderer.page(renderer.cells(text)) for text in texts], Tier.BASE)


def test_it_reads_the_same_and_decodes_once(inner: PlainModel) -> None:
    pages = tokens(inner, "one", "two", "one")
    expected = [cells.ids.tolist() for cells in inner.read(pages)]
    inner.read_pages = 0
    reader = CachingDecoder(inner)
    for _ in range(3):
        assert [cells.ids.tolist() for cells in reader.read(pages)] == expected
    assert inner.read_pages == 2


def test_only_the_last_pages_are_kept(inner: PlainModel) -> None:
    one, two, three = tokens(inner, "one", "two", "three")
    reader = CachingDecoder(inner, pages=2)
    reader.read([one, two])
    reader.read([one])
    reader.read([three])  # two goes, which was not read for longest
    reader.read([one, three])
    assert inner.read_pages == 3
    reader.read([two])
    assert inner.read_pages == 4


def test_what_it_gives_cannot_be_changed(inner: PlainModel) -> None:
    (cells,) = CachingDecoder(inner).read(tokens(inner, "one"))
    with pytest.raises(ValueError, match="read-only"):
        cells.probability[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        np.add(cells.ids, 1, out=cells.ids)


def test_a_cleared_decoder_reads_again(inner: PlainModel) -> None:
    pages = tokens(inner, "one")
    reader = CachingDecoder(inner)
    reader.read(pages)
    clear_cache(reader)
    reader.read(pages)
    assert inner.read_pages == 2
    clear_cache(inner)  # nothing to clear


@pytest.mark.parametrize("turn", [None, "secret"])
def test_what_is_forgotten_is_kept_nowhere(turn: str | None) -> None:
    reader = plain_codec()
    decoder = CachingDecoder(reader.decoder)
    with OpticalMemory.open(":memory:", codec=reader._replace(decoder=decoder)) as memory:
        memory.append("a", [Turn(text="hush", id="secret"), Turn(text="loud", id="plain")])
        memory.flush("a")
        assert len(memory.reconstruct("a")) == 2
        before = len(gc_cells())
        assert before
        memory.forget("a", turn=turn)
        assert not any(b"h\0u\0s\0h\0" in cells.ids.tobytes() for cells in gc_cells())


def test_what_is_too_old_is_kept_nowhere() -> None:
    reader, policy = plain_codec(), DecayPolicy(forget_after=200 * DAY)
    decoder = CachingDecoder(reader.decoder)
    with OpticalMemory.open(
        ":memory:", codec=reader._replace(decoder=decoder), policy=policy
    ) as memory:
        memory.append("a", "hush", now=0)
        memory.flush("a", now=0)
        memory.reconstruct("a", now=0)
        assert any(b"h\0u\0s\0h\0" in cells.ids.tobytes() for cells in gc_cells())
        memory.sweep(now=300 * DAY)
        assert not any(b"h\0u\0s\0h\0" in cells.ids.tobytes() for cells in gc_cells())


def gc_cells() -> list[ReadCells]:
    """All cells that were read and are still alive."""
    return [each for each in gc.get_objects() if type(each) is ReadCells]
