"""A page drawn at a tier, with a reader whose losses are known."""

from dataclasses import replace

import numpy as np
import pytest

from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.page_reading import read_pages
from optimem.memory.recall.retrieval import TurnRanker
from optimem.memory.records.records import PageRecord
from optimem.memory.writing.drawing import certain, draw, draw_each, redrawn_index
from optimem.protocols import REPLACEMENT, Cells, PageCodec, ReadCells
from optimem.testing.pages import PlainModel, plain_codec
from optimem.text.keeping import Keep
from optimem.tiers import Tier
from tests.memory.factories import make_page, make_span

POLICY = DecayPolicy()


def text_page(text: str, codec: PageCodec) -> tuple[PageRecord, Cells]:
    """A page of one turn, as text, and its cells."""
    return make_page(make_span(text), tier=None), codec.renderer.cells(text, "user")


def read_text(page: PageRecord, codec: PageCodec) -> str:
    """The text of a page's only turn, marked."""
    (reading,) = read_pages([page], codec)
    return reading.spans[0].reading.marked(POLICY.uncertain)


def test_a_page_that_reads_back_needs_no_corrections() -> None:
    codec = plain_codec()
    record, cells = text_page("w" * 60, codec)
    page = draw(record, certain(cells), Tier.SMALL, codec, POLICY)
    assert (page.tier, page.error, page.misread) == (Tier.SMALL, 0.0, 0.0)
    assert (page.kept, page.corrections) == (Keep.ALL, b"")
    assert (page.id, page.spans) == (record.id, record.spans)


@pytest.mark.parametrize("tier", [Tier.LARGE, Tier.BASE, Tier.SMALL])
def test_whatever_a_sharp_tier_misreads_is_corrected(tier: Tier) -> None:
    codec = plain_codec({tier: 3})
    text = "all of this, 漢字 too, comes back to the letter"
    record, cells = text_page(text, codec)
    page = draw(record, certain(cells), tier, codec, POLICY)
    assert (page.error, page.kept) == (0.0, Keep.ALL)
    assert page.misread == pytest.approx(len(cells) // 3 / len(text))
    (reading,) = read_pages([page], codec)
    assert (reading.spans[0].reading.text, reading.spans[0].exact) == (text, True)
    assert (reading.cells.probability == 1).all()


def test_at_tiny_what_is_misread_is_counted_and_marked() -> None:
    codec = plain_codec({Tier.TINY: 20})
    record, cells = text_page("w" * 60, codec)
    page = draw(record, certain(cells), Tier.TINY, codec, POLICY)
    assert (page.error, page.misread, page.kept) == (3 / 60, 3 / 60, Keep.VALUES)
    assert read_text(page, codec).count(REPLACEMENT) == 3


def test_a_wrong_cell_that_its_reader_is_sure_of_is_named_as_doubtful() -> None:
    codec = plain_codec()
    record, cells = text_page("the harbour wall", codec)
    sure = ReadCells(np.where(cells == ord("h"), ord("b"), cells), np.ones(len(cells), np.float32))
    codec.decoder.read = lambda tokens: [sure] * len(tokens)  # type: ignore[method-assign]
    page = draw(record, certain(cells), Tier.TINY, codec, POLICY)
    assert page.error == 2 / 16
    assert read_text(page, codec) == "t\ufffde \ufffdarbour wall"


def test_values_and_code_come_back_at_tiny() -> None:
    codec = plain_codec({Tier.TINY: 3})
    text = "we moved it to port 15432 in Rotterdam last spring\n    return max(a, b)\n"
    record, cells = text_page(text, codec)
    page = draw(record, certain(cells), Tier.TINY, codec, POLICY)
    read = read_text(page, codec)
    assert all(value in read for value in ("15432", "Rotterdam", "    return max(a, b)\n"))
    assert REPLACEMENT in read


def test_nothing_is_corrected_at_trace_and_wherever_the_policy_keeps_nothing() -> None:
    codec = plain_codec(dict.fromkeys(Tier, 4))
    record, cells = text_page("port 15432", codec)
    assert "15432" not in read_text(draw(record, certain(cells), Tier.TRACE, codec, POLICY), codec)
    nothing = DecayPolicy(exact_to=None, values_to=None)
    page = draw(record, certain(cells), Tier.LARGE, codec, nothing)
    assert page.kept is Keep.NOTHING
    assert "15432" not in read_text(page, codec)
    all_of_it = DecayPolicy(exact_to="trace", values_to="trace")
    assert read_text(draw(record, certain(cells), Tier.TRACE, codec, all_of_it), codec) == (
        "port 15432"
    )


def test_a_page_that_fades_through_exact_tiers_is_drawn_from_exact_text() -> None:
    codec = plain_codec({Tier.LARGE: 5, Tier.BASE: 3, Tier.SMALL: 2})
    record, cells = text_page("sure of every letter", codec)
    page = draw(record, certain(cells), Tier.LARGE, codec, POLICY)
    for tier in (Tier.BASE, Tier.SMALL, Tier.TINY):
        (reading,) = read_pages([page], codec)
        page = draw(page, reading.cells, tier, codec, POLICY)
    assert page.error == 0
    assert read_text(page, codec) == "sure of every letter"


def test_below_small_errors_add_up_and_a_guess_stays_a_guess() -> None:
    codec = plain_codec({Tier.TINY: 20, Tier.TRACE: 6})
    record, cells = text_page("w" * 60, codec)
    once = draw(record, certain(cells), Tier.TINY, codec, POLICY)
    (reading,) = read_pages([once], codec)
    twice = draw(once, reading.cells, Tier.TRACE, codec, POLICY)
    # Cell 59 was lost before: it is drawn as the "?" it read as, and that reads back.
    assert twice.accuracy == pytest.approx((1 - 3 / 60) * (1 - 9 / 60))
    again = draw(once, reading.cells, Tier.LARGE, codec, POLICY)
    assert read_text(again, codec).count(REPLACEMENT) == 3  # it reads back now, as a guess


def test_a_reading_that_its_hash_refuses_is_never_corrected_to() -> None:
    codec = plain_codec()
    record, cells = text_page("the harbour wall", codec)
    page = draw(record, certain(cells), Tier.SMALL, codec, POLICY)
    other = replace(page, spans=(make_span("the harbour hall"),))
    (reading,) = read_pages([other], codec)
    assert not reading.spans[0].exact
    assert reading.spans[0].reading.marked(POLICY.uncertain).count(REPLACEMENT) == 1
    smaller = draw(other, reading.cells, Tier.SMALL, codec, POLICY)
    assert read_text(smaller, codec).count(REPLACEMENT) == 1


def test_a_tier_is_drawn_only_when_it_is_asked_for() -> None:
    codec = plain_codec({Tier.SMALL: 9})
    record, cells = text_page("w" * 60, codec)
    reader = codec.decoder
    assert isinstance(reader, PlainModel)
    pages = draw_each(record, certain(cells), [Tier.SMALL, Tier.BASE, Tier.LARGE], codec, POLICY)
    assert reader.read_pages == 0
    assert next(page for page in pages if page.misread == 0).tier is Tier.BASE
    assert reader.read_pages == 2


def test_a_redrawn_page_is_found_by_words_that_could_be_read_before() -> None:
    codec = plain_codec()
    record, cells = text_page("the old lantern", codec)
    (reading,) = read_pages([draw(record, certain(cells), Tier.BASE, codec, POLICY)], codec)
    index = redrawn_index(reading.spans, uncertain=0.5)
    assert [number for number, _ in TurnRanker.of([index]).best("lantern", 5)] == [0]
    assert TurnRanker.of([index]).best("zeppelin", 5) == []
