"""Baselines keep no more than their share of the text."""

import sys

import pytest

from optimem.build import nano_codec
from optimem.errors import BaselineError, MissingExtraError
from optimem.evaluation.baselines import (
    BaselinePage,
    BaselineSetup,
    basis,
    lzma_,
    newest,
    open_baselines,
    plain,
    row_separator,
    zstd,
)
from optimem.evaluation.tokenizers import count_tokens, open_tokenizer
from optimem.testing import plain_codec
from optimem.tiers import Tier
from tests.evaluation.small import PROSE, RowRenderer, run

PAGE = BaselinePage(PROSE.text, Tier.TRACE, 200)
SETUP = BaselineSetup(plain_codec().renderer, open_tokenizer("deepseek"), 0)


@pytest.mark.parametrize("name", ["newest", "random part"])
def test_equal_tokens(name: str) -> None:
    kept = open_baselines([name])[name](PAGE, SETUP)
    assert 0 < count_tokens(kept, SETUP.tokenizer) <= Tier.TRACE.tokens
    assert basis(name) == "equal tokens"


def test_the_newest_text_is_the_end_of_the_text() -> None:
    assert PROSE.text.endswith(newest(PAGE, SETUP))
    assert PROSE.text.endswith(lzma_(PAGE, SETUP))


def test_equal_bytes() -> None:
    assert len(plain(PAGE, SETUP)) in (199, 200)
    assert len(zstd(PAGE, SETUP)) > 200
    assert plain(PAGE._replace(data_bytes=10**6), SETUP) == PROSE.text


def test_a_random_part_comes_from_the_seed() -> None:
    part = open_baselines(["random part"])["random part"]
    assert part(PAGE, SETUP) == part(PAGE, SETUP) != part(PAGE, SETUP._replace(seed=1))


def test_rows_read_are_joined_as_the_renderer_breaks_them() -> None:
    assert row_separator(RowRenderer()) == "\n"
    assert row_separator(nano_codec().renderer) == ""


def test_what_is_not_installed_is_named_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    for name in ("rapidocr", "llmlingua"):
        monkeypatch.setitem(sys.modules, name, None)
    for asked, remedy in (
        ("tesseract", "apt-get install tesseract-ocr"),
        ("rapidocr", r"pip install 'optimem\[rapidocr\]'"),
        ("llmlingua2", r"pip install 'optimem\[llmlingua\]'"),
    ):
        codec = plain_codec()
        with pytest.raises(MissingExtraError, match=remedy):
            run(baselines=(asked,), codec=codec)
        assert codec.decoder.read_pages == 0


def test_an_unknown_baseline_and_a_needless_value_are_named() -> None:
    with pytest.raises(BaselineError, match="unknown baseline 'magic'"):
        open_baselines(["magic"])
    with pytest.raises(BaselineError, match="newest takes no value, but got 'x'"):
        run(baselines=("newest=x",))
