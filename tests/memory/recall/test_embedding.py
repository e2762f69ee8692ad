"""An embedding model is asked once for a text, told by what it makes of a sentence, and named when
it fails; its bits keep what is near near."""

import numpy as np
import pytest

from optimem.errors import EmbeddingError, InputError
from optimem.memory.recall.embedding import BITS, PROBES, Embedder
from optimem.memory.records.vectors import ModelMark
from tests.memory.embedders import WordModel, embed


def near(embedder: Embedder, text: str, query: str) -> float:
    signs = np.unpackbits(embedder.bits([text]), axis=1)[0] * 2.0 - 1
    return float(signs @ embedder.direction(query) / np.sqrt(len(signs)))


@pytest.mark.parametrize("model", [WordModel(), embed, WordModel(width=40), WordModel(width=1536)])
def test_bits_of_what_means_the_same_lie_on_its_side(model: object) -> None:
    embedder = Embedder(model)  # type: ignore[arg-type]
    same = near(embedder, "the doctor is in", "physician")
    assert same > 0.5 > abs(near(embedder, "a red bicycle", "physician")) + 0.2


def test_a_wide_model_takes_no_more_bytes_and_a_narrow_one_fewer() -> None:
    widths = {width: Embedder(WordModel(width=width)).width for width in (10, 384, 3072)}
    assert widths == {10: 2, 384: BITS // 8, 3072: BITS // 8}


def test_vectors_that_all_point_one_way_are_told_apart_all_the_same() -> None:
    """Those of many models have a cosine of 0.8 whatever the texts."""

    class Narrow(WordModel):
        def embed_query(self, text: str) -> list[float]:
            own = np.array(super().embed_query(text))
            return (own / np.linalg.norm(own) + 2 * np.ones(256) / 16).tolist()

    embedder = Embedder(Narrow())
    far = abs(near(embedder, "a red bicycle", "physician"))
    assert near(embedder, "the doctor is in", "physician") > far + 0.4


def test_a_model_is_told_by_its_vectors_and_not_by_their_rounding() -> None:
    class Rounded(WordModel):
        def embed_query(self, text: str) -> list[float]:
            return [round(value, 2) for value in super().embed_query(text)]

    mark = Embedder(WordModel()).mark
    assert mark.same(Embedder(Rounded()).mark)
    assert not mark.same(Embedder(WordModel(seed=1)).mark)
    assert not mark.same(Embedder(WordModel(width=384)).mark)
    assert not mark.same(ModelMark(mark.width, b""))


def test_a_text_is_embedded_once() -> None:
    model = WordModel()
    embedder = Embedder(model)
    embedder.bits(["a dog", "a cat", "a dog"])
    embedder.bits(["a cat"])
    assert sorted(model.asked) == sorted([*PROBES, "a dog", "a cat"])
    embedder.forget()
    embedder.bits(["a cat"])
    assert model.asked.count("a cat") == 2
    assert embedder.bits([]).shape == (0, embedder.width)


@pytest.mark.parametrize("model", [None, 5, "text-embedding-3-small", object()])
def test_what_cannot_embed_is_refused(model: object) -> None:
    with pytest.raises(InputError, match="cannot embed"):
        Embedder(model)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda texts: [], r"array of \(0,\)"),
        (lambda texts: [[1.0, 2.0]] * (len(texts) + 1), "one vector for each"),
        (lambda texts: [[] for _ in texts], "one vector for each"),
        (lambda texts: [1.0 for _ in texts], "one vector for each"),
        (lambda texts: [[float("nan")]] * len(texts), "not finite"),
        (lambda texts: [["x"]] * len(texts), "failed"),
        (lambda texts: [[0.0] * at for at, _ in enumerate(texts, 1)], "failed"),
        (lambda texts: [[1.0] * len(texts)] * len(texts), "12 before"),
    ],
)
def test_what_are_no_vectors_is_named(given: object, message: str) -> None:
    with pytest.raises(EmbeddingError, match=message):
        Embedder(given).bits(["a", "b", "c"])  # type: ignore[arg-type]


def test_an_error_of_the_model_is_named_and_asked_again() -> None:
    model = WordModel()
    embedder = Embedder(model)
    model.fails = ConnectionError("no route to host")
    with pytest.raises(EmbeddingError, match="no route to host"):
        embedder.direction("a dog")
    model.fails = None
    assert embedder.direction("a dog").any()
