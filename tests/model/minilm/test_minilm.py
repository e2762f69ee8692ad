"""The sentence model of the extra: what means the same is near, whatever it is read beside, and
who lacks the wheel is told which to install."""

import sys

import numpy as np
import pytest

from optimem import MissingExtraError, OpticalMemory
from optimem.build import embeddings_at
from optimem.memory.recall.embedding import EmbeddingModel
from optimem.model.minilm.minilm import TOKENS, WHEEL, MiniLM, tokenizer
from optimem.testing import open_memory


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


def near(model: MiniLM, one: str, other: str) -> float:
    a, b = (np.array(model.embed_query(text)) for text in (one, other))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_texts_are_cut_into_the_tokens_that_the_network_was_trained_on() -> None:
    read = tokenizer().encode("Café crème-vu, unaffable 日本! 🦜")
    assert read.tokens == [
        "[CLS]", "cafe", "cr", "##eme", "-", "vu", ",", "una", "##ffa", "##ble", "日", "本", "!",
        "[UNK]", "[SEP]",
    ]  # fmt: skip
    assert read.ids[:2] == [101, 7668]
    assert len(tokenizer().encode("word " * 9999).ids) == TOKENS


def test_marks_of_the_network_in_a_text_are_words() -> None:
    assert tokenizer().encode("[SEP]").tokens == ["[CLS]", "[", "sep", "]", "[SEP]"]


def test_what_means_the_same_is_near(model: MiniLM) -> None:
    told = "My dog had to go to the vet on Friday."
    assert near(model, told, "Which pet was ill?") > near(model, told, "Who paid the rent?") + 0.2


@pytest.mark.parametrize("text", ["", " \n", "\x00", "\ud800".encode(errors="replace").decode(),
                                  "🦜" * 3000, "x" * 100_000])  # fmt: skip
def test_any_text_has_a_vector(model: MiniLM, text: str) -> None:
    assert np.isfinite(model.embed_query(text)).all()
    assert len(model.embed_query(text)) == 384


def test_a_text_means_the_same_beside_others(model: MiniLM) -> None:
    beside = model.embed_documents(["a long story " * 50, "a dog", ""])
    assert beside[1] == model.embed_query("a dog")
    assert model.embed_documents([]) == []


def test_a_memory_finds_by_it() -> None:
    with open_memory(embeddings=embeddings_at("minilm")) as memory:
        memory.append("s", "I had to take my old labrador to the vet.", now=1e5)
        memory.append("s", "The rent goes up in May.", now=2e5)
        memory.flush("s")
        (best, *_) = memory.recall("s", "Which pet is ill?", k=1)
        assert best.text.startswith("I had")
        assert "meaning" in {reason.stage for reason in best.why}


def test_it_is_one_for_the_process() -> None:
    model = embeddings_at("minilm")
    assert isinstance(model, EmbeddingModel)
    assert model is embeddings_at("minilm")


@pytest.mark.parametrize("missing", [WHEEL, "onnxruntime"])
def test_without_the_extra_it_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from optimem.build import _minilm

    monkeypatch.setitem(sys.modules, missing, None)
    _minilm.cache_clear()
    with pytest.raises(MissingExtraError, match=r"optimem\[embeddings\]"):
        OpticalMemory.open(":memory:", embeddings="minilm")
