"""What counts as a search term."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from optimem.text.terms import terms


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("He was Deploying it", "deploy"),
        ("set readTimeoutSeconds to 5", "timeout seconds"),
        ("HTTP_404 again", "404"),
        ("Crème brûlée", "creme brulee"),
        ("東京都に住んでいます", "東京"),
        ("データベースのポート", "ポート"),
        ("서울에서 만나요", "서울"),
        ("ราคาห้าร้อยบาท", "ห้าร้อย"),
        ("ＡＢＣ", "abc"),
        ("ΑΘΗΝΑ", "αθηνα"),
        ("I sold it to the children", "sell"),
        ("He grew up there", "growing"),
    ],
)
def test_a_word_is_found_however_it_is_written(stored: str, asked: str) -> None:
    assert set(terms(stored)) & set(terms(asked))


@pytest.mark.parametrize(("one", "other"), [("がく", "かく"), ("port", "report"), ("12", "123")])
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert not set(terms(one)) & set(terms(other))


def test_what_an_apostrophe_cuts_short_is_no_word() -> None:
    assert terms("Ann's it's DON’T we'll can't I'm they've") == terms("Ann")
    assert terms("5 o'clock, 's3' and 't'") == [*terms("5 o clock"), *terms("s3 t")]


def test_a_form_is_found_as_itself_in_an_index_made_before() -> None:
    assert set(terms("sold")) > set(terms("sell"))
    assert len(terms("sold")) == 2


def test_words_that_cannot_be_read_and_stop_words_are_no_terms() -> None:
    assert terms("the and of pass\ufffdord") == []
    assert len(terms("東京\ufffd大阪")) == 2


def test_words_are_the_same_in_several_threads_at_once() -> None:
    words = [f"{stem}{end}" for stem in map(str, range(400)) for end in ("nations", "izing", "ed")]
    texts = [" ".join(words[i::7]) for i in range(7)] * 4
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns within one word
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(terms, texts))
    finally:
        sys.setswitchinterval(before)
    assert together == [terms(text) for text in texts]
