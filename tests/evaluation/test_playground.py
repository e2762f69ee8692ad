"""The page of the slider: its reading, what is wrong in it, and the doubt about each token."""

import numpy as np
import pytest

from optimem.evaluation.playground import tier_view, tier_views, token_doubt
from optimem.protocols import Reading
from optimem.testing import plain_codec
from optimem.tiers import Tier
from tests.evaluation.small import LOST, PROSE, row_codec

TEXT = PROSE.text[:400]


def test_what_a_tier_loses_is_wrong_and_uncertain() -> None:
    view = tier_view(TEXT, Tier.TINY, plain_codec(LOST))
    assert [at for at, digit in enumerate(view.wrong) if digit == "1"] == list(range(19, 400, 20))
    assert {view.certainty[at] for at in range(19, 400, 20)} == {"1"}
    assert (view.right, view.marked, view.silent) == pytest.approx((0.95, 0.05, 0))
    assert (view.tokens, view.grid, view.side) == (64, 8, 512)
    assert view.image.startswith("data:image/png;base64,")


def test_every_tier_is_there_sharpest_first() -> None:
    views = tier_views(TEXT, plain_codec())
    assert [view["tier"] for view in views] == ["large", "base", "small", "tiny", "trace"]
    assert all(view["right"] == 1 and len(view["doubt"]) == view["tokens"] for view in views)


def test_doubt_is_the_mean_over_the_characters_of_a_token() -> None:
    codec = row_codec({})  # a cell of the first row is 32 pixels wide at Large, a token 64
    reading = Reading("abc", np.array([0.5, 0.7, 0.9], np.float32), np.array([0, 1, 2]))
    doubt = token_doubt(reading, Tier.LARGE, codec)
    assert doubt[:3] == pytest.approx([0.4, 0.1, 0])
    assert len(doubt) == Tier.LARGE.tokens
