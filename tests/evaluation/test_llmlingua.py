"""The real PromptCompressor on a small checkpoint of random weights, made here."""

import os
import string
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from optimem.errors import BaselineError
from optimem.evaluation.peers import open_llmlingua2
from optimem.evaluation.tokenizers import counter
from tests.evaluation.test_run import TEXT, run

if not find_spec("llmlingua"):
    if os.environ.get("CI"):
        pytest.fail("llmlingua is not installed", pytrace=False)
    pytest.skip("llmlingua is not installed", allow_module_level=True)

WORDS = "".join(f"Line {n} says that port {n * 37} is open. " for n in range(120))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers that classifies tokens, with a vocabulary of single characters."""
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
def test_it_keeps_words_of_the_text_and_fills_its_share(checkpoint: Path, room: int) -> None:
    tokens = counter("deepseek")
    kept = open_llmlingua2(str(checkpoint))(WORDS, room, tokens)
    assert room - 1 <= len(tokens.ends(kept)) <= room
    rest = iter(WORDS)
    assert all(char in rest for char in kept if not char.isspace())  # nothing new, and in order


@pytest.mark.usefixtures("_cl100k")
def test_it_stands_beside_optimem_with_the_checkpoint_in_the_runs_identity(
    checkpoint: Path,
) -> None:
    asked = f"llmlingua2={checkpoint}"
    found = run(baseline=(asked,), ratios=(1.0,))
    told = found["parts"]["score/prose/1×"]["baselines"]["llmlingua2"]
    assert (told["basis"], told["pages"]) == ("equal tokens", 1)
    assert 0 < told["right"] <= 1
    assert found["run"]["baselines"] == [asked]


def test_a_checkpoint_that_cannot_be_loaded_is_named(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody answers there
    with pytest.raises(BaselineError, match=r"llmlingua2=FOLDER.*TIKTOKEN_CACHE_DIR"):
        open_llmlingua2(str(checkpoint))
    with pytest.raises(BaselineError, match="goes by the name"):
        open_llmlingua2(str(tmp_path))
    with pytest.raises(BaselineError, match="goes by the name"):
        run(texts=[TEXT], baseline=(f"llmlingua2={tmp_path}",))
