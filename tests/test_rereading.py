"""A page is decoded once while it is among the last that were read."""

import numpy as np
import pytest
from plain import PlainReader, PlainRenderer

from optimem.protocols import VisionTokens
from optimem.rereading import RereadingDecoder
from optimem.tiers import Tier


@pytest.fixture
def inner() -> PlainReader:
    return PlainReader()


def tokens(inner: PlainReader, *texts: str) -> list[VisionTokens]:
    renderer = PlainRenderer()
    return inner.encode([renderer.page(renderer.cells(text)) for text in texts], Tier.BASE)


def test_it_reads_the_same_and_decodes_once(inner: PlainReader) -> None:
    pages = tokens(inner, "one", "two", "one")
    expected = [cells.ids.tolist() for cells in inner.read(pages)]
    inner.read_pages = 0
    reader = RereadingDecoder(inner)
    for _ in range(3):
        assert [cells.ids.tolist() for cells in reader.read(pages)] == expected
    assert inner.read_pages == 2


def test_only_the_last_pages_are_kept(inner: PlainReader) -> None:
    one, two, three = tokens(inner, "one", "two", "three")
    reader = RereadingDecoder(inner, pages=2)
    reader.read([one, two])
    reader.read([one])
    reader.read([three])  # two goes, which was not read for longest
    reader.read([one, three])
    assert inner.read_pages == 3
    reader.read([two])
    assert inner.read_pages == 4


def test_what_it_gives_cannot_be_changed(inner: PlainReader) -> None:
    (cells,) = RereadingDecoder(inner).read(tokens(inner, "one"))
    with pytest.raises(ValueError, match="read-only"):
        cells.probability[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        np.add(cells.ids, 1, out=cells.ids)
