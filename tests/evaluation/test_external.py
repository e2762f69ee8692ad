"""Programs of others on real pages and with real weights: what they get, and what they return."""

import os
import shutil
import string
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from optimem.build import nano_codec
from optimem.errors import BaselineError
from optimem.evaluation.baselines import BaselinePage, BaselineSetup, open_baselines
from optimem.evaluation.external import enlargement, open_llmlingua2, reading_order
from optimem.evaluation.measures import accuracy
from optimem.evaluation.tokenizers import count_tokens, open_tokenizer
from optimem.renderers.images import enlarge
from optimem.tiers import Tier
from tests.evaluation.small import PROSE, run

SCAN = (
    "The keeper of the lock wrote down every boat that passed, its master, and what it carried. "
    "On the first of May there were eleven of them, nine with coal and two with nothing at all, "
) * 6  # seven rows of a page
WORDS = "".join(f"Line {n} says that port {n * 37} is open. " for n in range(120))
INSTALLED = {
    "tesseract": shutil.which("tesseract"),
    "rapidocr": find_spec("rapidocr") and find_spec("onnxruntime"),
    "llmlingua": find_spec("llmlingua"),
}


def need(name: str) -> None:
    """Skip the test without a program; fail in CI."""
    if not INSTALLED[name]:
        message = f"{name} is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@pytest.mark.parametrize("name", ["tesseract", "rapidocr"])
@pytest.mark.parametrize(("tier", "least"), [(Tier.LARGE, 0.97), (Tier.SMALL, 0.85)])
def test_other_readers_read_our_pages(name: str, tier: Tier, least: float) -> None:
    need(name)
    setup = BaselineSetup(nano_codec().renderer, open_tokenizer("deepseek"), 0)
    read = open_baselines([name])[name](BaselinePage(SCAN, tier, 1000), setup)
    assert accuracy(SCAN, read) > least


def test_lines_are_read_from_top_to_bottom_and_from_left_to_right() -> None:
    def box(left: float, top: float) -> list[list[float]]:
        return [[left, top], [left + 90, top], [left + 90, top + 8], [left, top + 8]]

    boxes = np.array([box(100, 1), box(0, 8), box(0, 0), box(0, 24), box(0, 16)], np.float32)
    assert reading_order(boxes, "BCADE") == ["A B", "C", "E", "D"]
    assert reading_order(boxes[:1], ["only"]) == ["only"]


def test_a_page_is_enlarged_to_the_size_that_readers_need() -> None:
    for tier, side in ((Tier.LARGE, 1280), (Tier.BASE, 2048), (Tier.TINY, 1536)):
        ink = np.full((tier.value, tier.value), 7, np.uint8)
        assert (enlarge(ink, enlargement(ink)) == np.full((side, side), 7)).all()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers that classifies tokens, with a vocabulary of single characters."""
    need("llmlingua")
    import torch
    from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("weights") / "small-bert-base-multilingual-cased"
    letters = string.ascii_letters + string.digits
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *string.punctuation,
              *(f"##{letter}" for letter in letters)]  # fmt: skip
    vocabulary = {piece: at for at, piece in enumerate(pieces)}
    BertTokenizerFast(vocab=vocabulary, do_lower_case=False).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, num_labels=2,
    )  # fmt: skip
    BertForTokenClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture
def _cl100k() -> Iterator[None]:
    """The encoding that llmlingua counts with and tiktoken would download: bytes instead."""
    import tiktoken
    from tiktoken import registry

    ranks = {bytes([at]): at for at in range(256)}
    registry.ENCODINGS["cl100k_base"] = tiktoken.Encoding(
        "cl100k_base", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={}
    )
    yield
    del registry.ENCODINGS["cl100k_base"]


@pytest.mark.usefixtures("_cl100k")
@pytest.mark.parametrize("room", [36, 400])
def test_llmlingua2_keeps_words_of_the_text_and_fills_its_share(
    checkpoint: Path, room: int
) -> None:
    tokenizer = open_tokenizer("deepseek")
    kept = open_llmlingua2(str(checkpoint))(WORDS, room, tokenizer)
    assert room - 1 <= count_tokens(kept, tokenizer) <= room
    rest = iter(WORDS)
    assert all(char in rest for char in kept if not char.isspace())  # nothing new, and in order


@pytest.mark.usefixtures("_cl100k")
def test_llmlingua2_is_compared_and_its_checkpoint_identifies_the_run(checkpoint: Path) -> None:
    asked = f"llmlingua2={checkpoint}"
    result = run(baselines=(asked,), ratios=(1.0,))
    compared = result["parts"]["score/prose/1×"]["baselines"]["llmlingua2"]
    assert (compared["basis"], compared["pages"]) == ("equal tokens", 1)
    assert 0 < compared["right"] <= 1
    assert result["run"]["baselines"] == [asked]


def test_a_checkpoint_that_cannot_be_loaded_is_named(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody answers there
    with pytest.raises(BaselineError, match=r"llmlingua2=FOLDER.*TIKTOKEN_CACHE_DIR"):
        open_llmlingua2(str(checkpoint))
    with pytest.raises(BaselineError, match="infers the model from its name"):
        open_llmlingua2(str(tmp_path))
    with pytest.raises(BaselineError, match="infers the model from its name"):
        run(corpora=[PROSE], baselines=(f"llmlingua2={tmp_path}",))
