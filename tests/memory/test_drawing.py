"""A page drawn at a tier, with a reader whose losses are known."""

import numpy as np
import pytest

from optimem.memory.drawing import certain, draw, draw_each, redrawn_index, shaky_values
from optimem.memory.recall import read_pages
from optimem.memory.records import Doubt, PageRecord, Verbatim
from optimem.memory.retrieval import TurnRanker
from optimem.protocols import Cells, PageCodec, ReadCells, Reading
from optimem.testing.pages import PlainModel, plain_codec
from optimem.tiers import Tier
from tests.memory.factories import make_page, make_span


def text_page(text: str, codec: PageCodec) -> tuple[PageRecord, Cells]:
    """A page of one turn, as text, and its cells."""
    return make_page(make_span(text), tier=None), codec.renderer.cells(text, "user")


def test_a_page_that_reads_back_has_no_error_and_no_doubts() -> None:
    codec = plain_codec()
    record, cells = text_page("w" * 60, codec)
    page = draw(record, certain(cells), Tier.SMALL, codec)
    assert (page.tier, page.error, page.verbatim, page.doubts) == (Tier.SMALL, 0.0, (), ())
    assert (page.id, page.spans) == (record.id, record.spans)


def test_cells_that_read_back_wrong_are_counted_and_doubted() -> None:
    codec = plain_codec({Tier.TINY: 20})
    record, cells = text_page("w" * 60, codec)
    page = draw(record, certain(cells), Tier.TINY, codec)
    assert page.error == 3 / 60
    assert page.doubts == (Doubt(19, 0), Doubt(39, 0), Doubt(59, 0))
    assert draw(record, certain(cells), Tier.BASE, codec).error == 0


def test_an_exact_value_that_reads_back_wrong_is_kept_as_text() -> None:
    codec = plain_codec({Tier.TINY: 16})
    record, cells = text_page("listening on 15432 now", codec)
    page = draw(record, certain(cells), Tier.TINY, codec)
    assert page.verbatim == (Verbatim(14, "15432"),)
    assert page.error == 0
    (reading,) = read_pages([page], codec)
    assert reading.spans[0].reading.text == "listening on 15432 now"
    assert reading.spans[0].exact


def test_errors_add_up_when_a_page_is_drawn_again() -> None:
    codec = plain_codec({Tier.TINY: 20, Tier.TRACE: 6})
    record, cells = text_page("w" * 60, codec)
    once = draw(record, certain(cells), Tier.TINY, codec)
    (reading,) = read_pages([once], codec)
    twice = draw(once, reading.cells, Tier.TRACE, codec)
    # Cell 59 was lost before: it is drawn as the "?" it read as, and that reads back.
    assert twice.accuracy == pytest.approx((1 - 3 / 60) * (1 - 9 / 60))
    assert Doubt(19, 0) in twice.doubts  # reads back now, but as a guess


def test_a_tier_is_drawn_only_when_it_is_asked_for() -> None:
    codec = plain_codec({Tier.SMALL: 9})
    record, cells = text_page("w" * 60, codec)
    reader = codec.decoder
    assert isinstance(reader, PlainModel)
    pages = draw_each(record, certain(cells), [Tier.SMALL, Tier.BASE, Tier.LARGE], codec)
    assert reader.read_pages == 0
    assert next(page for page in pages if page.error == 0).tier is Tier.BASE
    assert reader.read_pages == 2


def test_a_value_that_goes_on_in_the_next_row_is_kept_in_parts() -> None:
    text = "port 15432"
    cell = np.array([*range(7), *range(40, 43)])
    reading = Reading(text, np.ones(10, np.float32), cell)
    shaky = np.zeros(50, bool)
    shaky[41] = True
    assert shaky_values(reading, shaky) == [Verbatim(5, "15"), Verbatim(40, "432")]


def test_a_value_that_was_doubtful_before_is_not_made_certain() -> None:
    probability = np.ones(10, np.float32)
    probability[6] = 0.6
    reading = Reading("port 15432", probability, np.arange(10))
    assert shaky_values(reading, np.ones(10, bool)) == []
    nothing = Reading("", np.ones(0, np.float32), np.zeros(0, np.int64))
    assert shaky_values(nothing, np.ones(9, bool)) == []


def test_a_value_that_reads_right_by_luck_is_kept_as_text() -> None:
    codec = plain_codec()
    reader = codec.decoder
    assert isinstance(reader, PlainModel)
    read = reader.read

    def unsure(tokens: list[object]) -> list[ReadCells]:
        return [ReadCells(r.ids, np.full(len(r.ids), 0.4, np.float32)) for r in read(tokens)]  # type: ignore[arg-type]

    reader.read = unsure  # type: ignore[method-assign, assignment]
    record, cells = text_page("listening on 15432 now", codec)
    page = draw(record, certain(cells), Tier.TINY, codec)
    assert page.verbatim == (Verbatim(14, "15432"),)


def test_a_redrawn_page_is_found_by_words_that_could_be_read_before() -> None:
    codec = plain_codec()
    record, cells = text_page("the old lantern", codec)
    (reading,) = read_pages([draw(record, certain(cells), Tier.BASE, codec)], codec)
    index = redrawn_index(reading.spans, uncertain=0.5)
    assert [number for number, _ in TurnRanker([index]).best("lantern", 5)] == [0]
    assert TurnRanker([index]).best("zeppelin", 5) == []
