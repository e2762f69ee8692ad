"""Pages read back, at once and as months pass, by a decoder that loses a known share."""

import pytest

from optimem.evaluation.corpora import Corpus
from optimem.evaluation.round_trip import AGES, score_faded, score_pages
from optimem.evaluation.sampling import full_pages
from optimem.evaluation.tokenizers import ByteTokenizer
from optimem.testing import plain_codec
from optimem.tiers import Tier
from tests.evaluation.small import LOST, PROSE, row_codec


def pages(count: int) -> list[str]:
    return full_pages(PROSE.text, count, plain_codec().renderer, "prose")


def test_pages_are_scored_in_order_batch_after_batch() -> None:
    texts = [text[: 100 + n] for n, text in enumerate(pages(9))]
    results = score_pages(texts, Tier.TINY, plain_codec(LOST), ByteTokenizer())
    assert [result.tokens for result in results] == [len(text) for text in texts]
    assert [result.score.edits for result in results] == [len(text) // 20 for text in texts]
    assert all(result.write > 0 and result.read > 0 for result in results)


def test_cells_are_compared_with_what_was_drawn() -> None:
    (result,) = score_pages(pages(1), Tier.TINY, plain_codec(LOST), ByteTokenizer())
    cells = sum(cells for cells, _, _ in result.score.bins)
    right = sum(right for _, _, right in result.score.bins)
    assert (cells, right) == (400, 380)


def test_pages_of_rows_are_scored_by_their_text() -> None:
    text = "One row.\nAnother row."
    (result,) = score_pages([text], Tier.LARGE, row_codec({}), ByteTokenizer())
    assert (result.score.edits, result.score.characters) == (0, len(text))


def test_faded_pages_follow_the_tiers() -> None:
    rows = list(score_faded(PROSE, pages(2), plain_codec(LOST)))
    assert [(row.age, list(row.tiers)) for row in rows] == [
        (age, [tier.label]) for tier, age in AGES.items()
    ]
    assert rows[0].right == 1
    for row in rows:
        assert row.right + row.marked + row.silent == pytest.approx(1)
    assert 0.02 < rows[3].marked < 0.05  # one in 20 is lost, but exact values are kept


def test_a_corpus_gives_its_name_to_the_rows() -> None:
    (first, *_) = score_faded(Corpus("log", PROSE.text, False), pages(1), plain_codec())
    assert first.name == "log"
