"""Repetition: what must not be said again, and when an answer has begun to go round.

Text models of pages loop now and then (deepseek-ai/DeepSeek-OCR, issue 151); the ban is the
published one, the detector catches what it lets through.

Generation: embedded prompts to tokens, several at once, one step after another.

Knows tokens as numbers only; prompts, text and pages are other files' business.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor

from optimem.errors import InputError
from optimem.model.deepseek_ocr.model import DeepSeekOCR

CELL_START, CELL_END = 128_821, 128_822
"""`<td>` and `</td>`, which tables repeat."""

LOOP_SPAN = 400
"""Tokens that are looked back at for a loop that is not exact."""
LOOP_DISTINCT = 0.25
"""Share of different 4-grams among them under which they count as a loop."""
EXACT_LOOP = 96
"""Tokens that an exact repetition must fill, four times over, to count."""


@dataclass(frozen=True)
class NoRepeat:
    """No `size` tokens in a row twice within the last `window`, but for `exempt` ones.

    Published settings (size, window): (30, 90) for an image, (20, 50) for PDF pages,
    (40, 90) in evaluation.
    """

    size: int = 30
    window: int = 90
    exempt: frozenset[int] = frozenset({CELL_START, CELL_END})

    def banned(self, ids: Sequence[int]) -> set[int]:
        """Tokens that must not follow `ids`."""
        length = len(ids)
        if length < self.size:
            return set()
        prefix = tuple(ids[length - self.size + 1 :])
        starts = range(max(0, length - self.window), length - self.size + 1)
        found = {
            ids[start + self.size - 1]
            for start in starts
            if tuple(ids[start : start + self.size - 1]) == prefix
        }
        return found - self.exempt


def is_looping(ids: Sequence[int]) -> bool:
    """Whether generated tokens have begun to repeat themselves: exactly, at least four times,
    or nearly, over a longer stretch."""
    for period in range(1, min(len(ids) // 4, LOOP_SPAN // 4) + 1):
        span = max(4 * period, EXACT_LOOP)
        if len(ids) >= span:
            tail = list(ids[-span:])
            if tail[period:] == tail[:-period]:
                return True
    if len(ids) < LOOP_SPAN:
        return False
    tail = list(ids[-LOOP_SPAN:])
    grams = {tuple(tail[i : i + 4]) for i in range(LOOP_SPAN - 3)}
    return len(grams) < LOOP_DISTINCT * LOOP_SPAN


END = 1  # of a text
POSITIONS = 8192
"""Positions that the decoder was trained for, prompt and answer together."""
LOOK_EVERY = 16
"""Tokens between two looks for a loop."""


class Finish(StrEnum):
    """Why an answer ended: it was complete, ran into the limit, went round, or was stopped."""

    END = "end"
    LIMIT = "limit"
    LOOP = "loop"
    CANCELLED = "cancelled"


class Prompt(NamedTuple):
    """Token `ids`, image positions included, and the same `embedded` (N, C)."""

    ids: Sequence[int]
    embedded: Tensor


class Token(NamedTuple):
    """A step of an answer: which prompt's, the token, how likely the model thought it, and
    whether it is the answer's last. The end token itself counts as a step."""

    row: int
    id: int
    probability: float
    finish: Finish | None


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen. `temperature` 0 takes the likeliest; above it tokens are drawn
    from the smallest set whose probability reaches `top_p`, reproducibly from `seed`."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise InputError(
                f"temperature {self.temperature} and top_p {self.top_p} cannot be used; give "
                "temperature ≥ 0 and 0 < top_p ≤ 1"
            )

    def chooser(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        """A function from logits (B, V) to tokens (B,)."""
        if self.temperature == 0:
            return lambda logits: logits.argmax(-1)
        random = torch.Generator(device).manual_seed(self.seed)

        def draw(logits: Tensor) -> Tensor:
            likely, order = (logits / self.temperature).softmax(-1).sort(descending=True)
            before = likely.cumsum(-1) - likely  # of likelier tokens
            kept = likely.masked_fill(before >= self.top_p, 0)
            at = torch.multinomial(kept, 1, generator=random)
            return order.gather(1, at).squeeze(1)

        return draw


@dataclass(frozen=True)
class Settings:
    """`limit`: the most new tokens of an answer. `no_repeat`: None to allow anything."""

    limit: int = 2048
    sampling: Sampling = field(default_factory=Sampling)
    no_repeat: NoRepeat | None = field(default_factory=NoRepeat)


@dataclass
class Answer:
    """An answer that grows."""

    row: int
    ids: list[int]
    said: list[int] = field(default_factory=list)

    def add(self, token: int, settings: Settings, limit: int) -> Finish | None:
        """One token more; why it is the last, if it is."""
        self.ids.append(token)
        self.said.append(token)
        if token == END:
            return Finish.END
        if len(self.said) % LOOK_EVERY == 0 and is_looping(self.said):
            return Finish.LOOP
        return Finish.LIMIT if len(self.said) == limit else None


@torch.inference_mode()
def generate(
    model: DeepSeekOCR,
    prompts: Sequence[Prompt],
    settings: Settings | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Token]:
    """Answer prompts together; the tokens of each step as they come. An answer that has ended
    costs nothing more. `cancelled` is asked before each step. Raises InputError for a prompt
    without room for an answer."""
    settings = settings or Settings()
    batch, padding, longest = _batched(prompts)
    limit = min(settings.limit, POSITIONS - longest)
    if limit < 1:
        raise InputError(f"a prompt of {longest} positions leaves no room of {POSITIONS}")
    caches = model.caches(len(prompts), longest + limit)
    choose = settings.sampling.chooser(batch.device)
    answers = [Answer(row, list(prompt.ids)) for row, prompt in enumerate(prompts)]
    while answers:
        if cancelled():
            yield from (Token(answer.row, END, 1.0, Finish.CANCELLED) for answer in answers)
            return
        logits = model(batch, caches, padding, last=1)[:, -1].float()
        sure = logits.softmax(-1)
        chosen = choose(_without_banned(logits, answers, settings.no_repeat))
        likely = sure.gather(1, chosen[:, None]).squeeze(1).tolist()
        going = []
        for at, (answer, token) in enumerate(zip(answers, chosen.tolist(), strict=True)):
            finish = answer.add(token, settings, limit)
            yield Token(answer.row, token, likely[at], finish)
            going += [at] if finish is None else []
        if len(going) < len(answers):
            answers = [answers[at] for at in going]
            rows = torch.tensor(going, dtype=torch.long, device=batch.device)
            chosen, padding = chosen[rows], None if padding is None else padding[rows]
            for cache in caches:
                cache.keep(rows)
        batch = model.embed_tokens(chosen)[:, None]


async def agenerate(
    model: DeepSeekOCR,
    prompts: Sequence[Prompt],
    settings: Settings | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> AsyncIterator[Token]:
    """Async twin of `generate`: each step runs in a thread."""
    steps = generate(model, prompts, settings, cancelled)
    while (token := await asyncio.to_thread(next, steps, None)) is not None:
        yield token


def _batched(prompts: Sequence[Prompt]) -> tuple[Tensor, Tensor | None, int]:
    """Prompts side by side (B, N, C), shorter ones filled up at the start."""
    lengths = [len(prompt.ids) for prompt in prompts]
    if not prompts or min(lengths) < 1:
        raise InputError("there is nothing to answer; give prompts of at least one token")
    longest = max(lengths)
    first = prompts[0].embedded
    batch = first.new_zeros(len(prompts), longest, first.shape[-1])
    for row, prompt in enumerate(prompts):
        batch[row, longest - lengths[row] :] = prompt.embedded
    missing = [longest - length for length in lengths]
    padding = torch.tensor(missing, device=first.device) if any(missing) else None
    return batch, padding, longest


def _without_banned(
    logits: Tensor, answers: Sequence[Answer], no_repeat: NoRepeat | None
) -> Tensor:
    if no_repeat is None:
        return logits
    logits = logits.clone()
    for at, answer in enumerate(answers):
        banned = no_repeat.banned(answer.ids)
        if banned:
            logits[at, list(banned)] = float("-inf")
    return logits
