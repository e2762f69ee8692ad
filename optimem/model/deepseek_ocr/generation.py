"""Generation: embedded prompts to tokens, several at once, step by step.

Models that read pages sometimes repeat themselves for ever (deepseek-ai/DeepSeek-OCR, issue 151).
`NoRepeat` bans repeated n-grams by the published rule; `is_looping` detects exact repetition that
it lets through. Neither ends a table: rows may be alike, so a loop of rows ends at the limit.
Knows tokens as numbers only, nothing of prompts, text or pages.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor

from optimem.errors import InputError
from optimem.model.deepseek_ocr.model import MAX_POSITIONS as MAX_POSITIONS
from optimem.model.deepseek_ocr.model import DeepSeekOCR

END = 1
"""The token that ends a text."""
CELL_START, CELL_END = 128_821, 128_822
"""`<td>` and `</td>`, which tables repeat."""
ROW_START, ROW_END = 128_823, 128_824
"""`<tr>` and `</tr>`."""
CACHE_STEP = 512
"""New positions that caches have room for at first; they grow with the answer."""

LOOP_INTERVAL = 16
"""Tokens between two checks for a loop."""
LOOP_LENGTH = 1024
"""Last tokens that are checked for a loop: more than a row of a table can need."""
LOOP_PERIOD = 256
"""Tokens after which a loop begins again, at most."""


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen. `temperature`: 0 takes the most likely. Above 0, tokens are drawn
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
class NoRepeat:
    """Bans a token that would complete the same `size` tokens in a row for the second time within
    the last `window` of an answer, unless it is `exempt`. A prompt may be quoted.

    Published settings (size, window): (30, 90) for an image, (20, 50) for PDF pages, (40, 90) in
    evaluation.
    """

    size: int = 30
    window: int = 90
    exempt: frozenset[int] = frozenset({CELL_START, CELL_END})

    def banned(self, ids: Sequence[int]) -> set[int]:
        """Tokens that must not follow the generated `ids`."""
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


PDF_NO_REPEAT = NoRepeat(20, 50)
"""The published setting for the pages of a PDF."""


@dataclass(frozen=True)
class GenerationSettings:
    """`limit`: most new tokens of an answer; None for as many as the model has positions for.
    `no_repeat`: None to allow any repetition. Raises InputError for a limit under 1."""

    limit: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    no_repeat: NoRepeat | None = field(default_factory=NoRepeat)

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise InputError(f"a limit of {self.limit} tokens leaves no answer; give 1 or more")


class FinishReason(StrEnum):
    """Why an answer ended: it was complete, reached the limit, began to loop, or was
    cancelled."""

    END = "end"
    LIMIT = "limit"
    LOOP = "loop"
    CANCELLED = "cancelled"


class GenerationInput(NamedTuple):
    """A prompt: token `ids`, image positions included, and the same `embedded` (N, C)."""

    ids: Sequence[int]
    embedded: Tensor


class GeneratedToken(NamedTuple):
    """A token of an answer. `row`: of which prompt. `probability`: as the model gave it.
    `finish`: why the answer ends with this token, None if it goes on. The end token counts."""

    row: int
    id: int
    probability: float
    finish: FinishReason | None


@dataclass
class _Generation:
    """An answer in progress: the tokens generated so far, to which prompt."""

    row: int
    ids: list[int] = field(default_factory=list)

    def add(self, token: int, limit: int) -> FinishReason | None:
        """Add a token; why it is the last one, if it is."""
        self.ids.append(token)
        if token == END:
            return FinishReason.END
        if len(self.ids) % LOOP_INTERVAL == 0 and is_looping(self.ids):
            return FinishReason.LOOP
        return FinishReason.LIMIT if len(self.ids) == limit else None


@torch.inference_mode()
def generate(
    model: DeepSeekOCR,
    prompts: Sequence[GenerationInput],
    settings: GenerationSettings | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[GeneratedToken]:
    """Answer prompts together, yielding the tokens of each step. An answer that has ended leaves
    the batch. `cancelled` is called before each step. Raises InputError for a prompt that leaves
    no room for an answer."""
    settings = settings or GenerationSettings()
    batch, padding, longest = _batched(prompts)
    room = model.positions - longest
    if room < 1:
        raise InputError(
            f"a prompt of {longest} positions leaves no room for an answer; the model takes "
            f"{model.positions}; give a smaller mode or a shorter prompt"
        )
    limit = min(settings.limit or room, room)
    caches = model.caches(len(prompts), longest + min(limit, CACHE_STEP))
    choose = settings.sampling.chooser(batch.device)
    running = [_Generation(row) for row in range(len(prompts))]
    while running:
        if cancelled():
            yield from (GeneratedToken(g.row, END, 1.0, FinishReason.CANCELLED) for g in running)
            return
        logits = model(batch, caches, padding, last=1)[:, -1].float()
        probabilities = logits.softmax(-1)
        chosen = choose(_without_banned(logits, running, settings.no_repeat))
        likely = probabilities.gather(1, chosen[:, None]).squeeze(1).tolist()
        going = []
        for at, (generation, token) in enumerate(zip(running, chosen.tolist(), strict=True)):
            finish = generation.add(token, limit)
            yield GeneratedToken(generation.row, token, likely[at], finish)
            going += [at] if finish is None else []
        if len(going) < len(running):
            running = [running[at] for at in going]
            rows = torch.tensor(going, dtype=torch.long, device=batch.device)
            chosen, padding = chosen[rows], None if padding is None else padding[rows]
            for cache in caches:
                cache.keep(rows)
        batch = model.embed_tokens(chosen)[:, None]


async def agenerate(
    model: DeepSeekOCR,
    prompts: Sequence[GenerationInput],
    settings: GenerationSettings | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> AsyncIterator[GeneratedToken]:
    """Async twin of `generate`: each step runs in a thread."""
    steps = generate(model, prompts, settings, cancelled)
    while (token := await asyncio.to_thread(next, steps, None)) is not None:
        yield token


def is_looping(ids: Sequence[int]) -> bool:
    """Whether the last `LOOP_LENGTH` generated tokens repeat themselves exactly, within a text or
    within one row of a table."""
    tail = list(ids[-LOOP_LENGTH:])
    if len(tail) < LOOP_LENGTH or ROW_START in tail or ROW_END in tail:
        return False
    return any(tail[period:] == tail[:-period] for period in range(1, LOOP_PERIOD + 1))


def _batched(prompts: Sequence[GenerationInput]) -> tuple[Tensor, Tensor | None, int]:
    """Prompts side by side (B, N, C), shorter ones padded at the start; how much each is padded,
    None if none is; and N."""
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
    logits: Tensor, running: Sequence[_Generation], no_repeat: NoRepeat | None
) -> Tensor:
    if no_repeat is None:
        return logits
    logits = logits.clone()
    for at, generation in enumerate(running):
        banned = no_repeat.banned(generation.ids)
        if banned:
            logits[at, list(banned)] = float("-inf")
    return logits
