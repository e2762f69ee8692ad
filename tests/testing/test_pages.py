"""The plain codec keeps the contract of renderers, encoders and decoders."""

import numpy as np
import pytest

from optimem.errors import FingerprintError
from optimem.testing import PlainModel, PlainRenderer, plain_codec
from optimem.testing.pages import CAPACITY, COLUMNS
from optimem.tiers import Tier


def test_text_comes_back_and_the_role_mark_does_not() -> None:
    renderer, model, _ = plain_codec()
    cells = renderer.cells("hello", "user")
    assert len(cells) == 6
    (tokens,) = model.encode([renderer.page(cells)], Tier.BASE)
    (read,) = plain_codec().decoder.read([tokens])
    reading = renderer.text(read)
    assert reading.text == "hello"
    assert reading.cell.tolist() == [1, 2, 3, 4, 5]
    assert reading.probability.tolist() == pytest.approx([0.99] * 5)


def test_what_is_lost_reads_as_a_doubtful_question_mark() -> None:
    renderer, model, _ = plain_codec({Tier.TINY: 2})
    pages = [renderer.page(renderer.cells("hello"))]
    for tier, expected in ((Tier.BASE, "hello"), (Tier.TINY, "h?l?o")):
        (read,) = model.read(model.encode(pages, tier))  # type: ignore[attr-defined]
        reading = renderer.text(read)
        assert reading.text == expected
        assert [p < 0.5 for p in reading.probability] == [c == "?" for c in expected]


def test_pages_are_counted_and_those_of_another_model_refused() -> None:
    renderer, model = PlainRenderer(), PlainModel()
    tokens = model.encode([renderer.page(renderer.cells("a"))] * 3, Tier.SMALL)
    model.read(tokens)
    assert model.read_pages == 3
    with pytest.raises(FingerprintError, match="'plain-1', the model here is 'plain-2'"):
        PlainModel(fingerprint="plain-2").read(tokens)


def test_a_page_is_a_grid_of_cells() -> None:
    renderer = PlainRenderer()
    page = renderer.page(np.full(CAPACITY, 97, np.uint16))
    assert page.image(Tier.TRACE).shape == (384, 384)
    assert renderer.box(COLUMNS + 2, Tier.BASE) == (2, 1, 3, 2)
    assert renderer.split(page.cells, 7) == 7
