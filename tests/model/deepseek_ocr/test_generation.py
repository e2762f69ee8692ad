"""Choosing tokens, ending answers, and not going round."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from optimem.errors import InputError
from optimem.model.deepseek_ocr import generation
from optimem.model.deepseek_ocr.generation import (
    END,
    FinishReason,
    GeneratedToken,
    GenerationInput,
    GenerationSettings,
    NoRepeat,
    Sampling,
    agenerate,
    generate,
    is_looping,
)
from optimem.model.deepseek_ocr.model import DeepSeekOCR


def prompts(model: DeepSeekOCR, *words: Sequence[int]) -> list[GenerationInput]:
    return [GenerationInput(ids, model.embed_tokens(torch.tensor(ids))) for ids in words]


def banned_as_published(ids: list[int], size: int, window: int) -> set[int]:
    """The published rule, written out."""
    found = set()
    if len(ids) >= size:
        prefix = ids[len(ids) - size + 1 :]
        for start in range(max(0, len(ids) - window), len(ids) - size + 1):
            gram = ids[start : start + size]
            if gram[:-1] == prefix:
                found.add(gram[-1])
    return found


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(2, 5), st.integers(4, 20))
def test_the_ban_is_the_published_one(ids: list[int], size: int, window: int) -> None:
    rule = NoRepeat(size, window, exempt=frozenset({2}))
    assert rule.banned(ids) == banned_as_published(ids, size, window) - {2}


def test_cells_of_tables_are_exempt_from_the_published_ban() -> None:
    for mark, exempt in ((TD, True), (TD_END, True), (TR, False), (700, False)):
        said = [*range(29), mark] * 2
        assert (NoRepeat().banned(said[:-1]) == set()) is exempt
        assert NoRepeat().banned(said[:-1]) <= {mark}


def test_a_prompt_may_be_quoted(model: DeepSeekOCR) -> None:
    """The rule bans every token that came before; the prompt holds what the model says first."""
    free = GenerationSettings(limit=1, no_repeat=None)
    strict = GenerationSettings(limit=1, no_repeat=NoRepeat(size=1, window=90))
    words = list(range(300))  # every token of the small model
    (expected,) = generate(model, prompts(model, words), free)
    assert list(generate(model, prompts(model, words), strict)) == [expected]


def test_no_n_gram_comes_twice_in_the_window(model: DeepSeekOCR) -> None:
    rule = NoRepeat(size=3, window=30, exempt=frozenset())
    settings = GenerationSettings(limit=80, no_repeat=rule)
    said = [token.id for token in generate(model, prompts(model, [0, 7]), settings)]
    grams = [tuple(said[i : i + 3]) for i in range(len(said) - 2)]
    for at, gram in enumerate(grams):
        assert gram not in grams[max(0, at - 25) : at]


TD, TD_END, TR, TR_END = 128_821, 128_822, 128_823, 128_824


def table(rows: int, columns: int, cell: Callable[[int, int], list[int]]) -> list[int]:
    """A table, with what `cell` says at a row and column."""
    ids = []
    for row in range(rows):
        ids.append(TR)
        for column in range(columns):
            ids += [TD, *cell(row, column), TD_END]
        ids.append(TR_END)
    return ids


def numbered(row: int, column: int) -> list[int]:
    return [] if column else [100 + row // 10, 200 + row % 10]


TABLES = {
    "blank 8 × 8": table(8, 8, lambda *_: []),
    "blank 60 × 60": table(60, 60, lambda *_: []),
    "tick marks": table(31, 12, lambda *_: [77]),
    "numbered rows": table(90, 12, numbered),
    "a month of ticks": table(30, 31, lambda *_: [77]),
    "Markdown": [5, 5, 5, 5, 5, 5, 5, 5, 6] * 60,
    "numbered in Markdown": [i for row in range(200) for i in (1000 + row, *[5] * 20, 6)],
}


@pytest.mark.parametrize("name", TABLES)
def test_no_table_is_a_loop(name: str) -> None:
    ids = [*range(2000, 2300), *TABLES[name]]
    assert not any(is_looping(ids[:end]) for end in range(1, len(ids) + 1))


@pytest.mark.parametrize("ids", [[7] * 1024, [1, 2, 3] * 400, [TD, TD_END] * 600,
                                 [5] * 30 + list(range(250)) * 6])  # fmt: skip
def test_loops_are_seen(ids: list[int]) -> None:
    assert is_looping(ids)


@pytest.mark.parametrize("ids", [[], [7] * 900, [*range(2000)], [5, 9] * 600 + [*range(90)]])
def test_what_is_no_loop(ids: list[int]) -> None:
    assert not is_looping(ids)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_leaves_no_answer_is_named(limit: int) -> None:
    with pytest.raises(InputError, match=f"a limit of {limit} tokens"):
        GenerationSettings(limit=limit)


def test_an_answer_may_fill_all_positions(model: DeepSeekOCR, monkeypatch: Any) -> None:
    assert DeepSeekOCR.positions == 8192
    monkeypatch.setattr(DeepSeekOCR, "positions", 40)
    monkeypatch.setattr(generation, "CACHE_STEP", 4)
    (first,) = prompts(model, [0, 4, 2])
    tokens = list(generate(model, [first], GenerationSettings(no_repeat=None)))
    grown = list(generate(model, [first], GenerationSettings(limit=3000, no_repeat=None)))
    assert len(tokens) == 37
    assert tokens[-1].finish is FinishReason.LIMIT
    assert grown == tokens
    monkeypatch.setattr(generation, "CACHE_STEP", 40)  # the caches need not grow
    assert list(generate(model, [first], GenerationSettings(no_repeat=None))) == tokens


def test_an_answer_that_goes_round_is_stopped(model: DeepSeekOCR) -> None:
    class Parrot(DeepSeekOCR):
        """Says 7 for ever."""

        def forward(self, embedded: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
            logits = torch.zeros(len(embedded), 1, self.config.vocabulary)
            logits[..., 7] = 9
            return logits

    parrot = Parrot(model.config)
    tokens = list(generate(parrot, prompts(parrot, [0]), GenerationSettings(no_repeat=None)))
    assert tokens[-1].finish == FinishReason.LOOP
    assert len(tokens) == 1024


def test_the_limit_is_kept_and_probabilities_are_the_models(model: DeepSeekOCR) -> None:
    (given_prompt,) = prompts(model, [0, 4, 2])
    tokens = list(generate(model, [given_prompt], GenerationSettings(limit=3, no_repeat=None)))
    assert [token.finish for token in tokens][-1] in (FinishReason.LIMIT, FinishReason.END)
    with torch.inference_mode():
        first = model(given_prompt.embedded[None])[0, -1].softmax(-1)
    assert tokens[0].id == int(first.argmax())
    assert tokens[0].probability == pytest.approx(float(first.max()), abs=1e-5)


def test_sampling_is_reproducible_and_stays_in_the_nucleus(model: DeepSeekOCR) -> None:
    def said(sampling: Sampling) -> list[int]:
        settings = GenerationSettings(limit=12, sampling=sampling, no_repeat=None)
        return [token.id for token in generate(model, prompts(model, [0, 4]), settings)]

    warm = Sampling(temperature=1.5, top_p=0.9, seed=3)
    assert said(warm) == said(warm)
    assert said(warm) != said(Sampling(temperature=1.5, top_p=0.9, seed=4))
    assert said(Sampling(temperature=1.5, top_p=1e-6)) == said(Sampling())
    with pytest.raises(InputError, match="temperature -1"):
        Sampling(temperature=-1)


def test_it_can_be_cancelled(model: DeepSeekOCR) -> None:
    seen: list[GeneratedToken] = []
    for token in generate(model, prompts(model, [0], [0, 5]), cancelled=lambda: len(seen) >= 4):
        seen.append(token)
    assert len([token for token in seen if token.finish == FinishReason.CANCELLED]) == 2


def test_the_async_twin_says_the_same(model: DeepSeekOCR) -> None:
    async def said() -> list[GeneratedToken]:
        return [
            t async for t in agenerate(model, prompts(model, [0, 4]), GenerationSettings(limit=5))
        ]

    assert asyncio.run(said()) == list(
        generate(model, prompts(model, [0, 4]), GenerationSettings(limit=5))
    )


def test_what_cannot_be_answered_is_named(model: DeepSeekOCR) -> None:
    with pytest.raises(InputError, match="nothing to answer"):
        next(generate(model, []))
    with pytest.raises(InputError, match="no room"):
        next(generate(model, prompts(model, [0] * 8192)))


def test_an_end_token_ends(model: DeepSeekOCR) -> None:
    tokens = list(generate(model, prompts(model, [0, 9], [0, 3]), GenerationSettings(limit=150)))
    for row in (0, 1):
        own = [token for token in tokens if token.row == row]
        assert (own[-1].id == END) == (own[-1].finish == FinishReason.END)
        assert all(token.finish is None for token in own[:-1])
