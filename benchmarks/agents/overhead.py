"""What the middleware adds to a model call with a thousand turns in memory, beside what the
embedded model takes to read one page. Both are taken in turn in one run, so only their ratio
means anything.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from benchmarks.agents.conversation import Conversation, conversation
from benchmarks.agents.measure import SCOPE, Allowance, remembering
from benchmarks.agents.runs import calls_of, results_of, scripted
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.build import nano_codec
from optimem.protocols import PageCodec, VisionTokens
from optimem.tiers import Tier

TURNS = 500  # of the conversation; about three messages each
WARM_UP = 3


@dataclass(frozen=True)
class Overhead:
    """What a call adds, as a share of reading a page: median and 99th percentile. `remembered`:
    turns in memory at the first call, `calls`: how many were measured."""

    remembered: int
    calls: int
    median: float
    high: float


def overhead(seed: int, allowance: Allowance, remembered: int = 1000, calls: int = 100) -> Overhead:
    """Measure it. Between one call and the next the conversation grows by a turn."""
    talk = conversation(seed, TURNS, facts=40)
    reader = nano_codec()
    page = dense_page(talk, reader)
    added, pages = [], []
    with OpticalMemory.open(":memory:") as memory:
        middleware = remembering(memory, allowance)
        for place, messages in enumerate(states(talk, remembered, WARM_UP + calls)):
            if place == 0:
                call(middleware, talk, messages)
                memory.drain()
                first = memory.stats(SCOPE).turns
            seconds = call(middleware, talk, messages)
            memory.drain()
            if place >= WARM_UP:
                added.append(seconds)
                pages.append(read_page(page, reader))
    unit = median(pages)
    return Overhead(first, calls, median(added) / unit, float(np.quantile(added, 0.99)) / unit)


def states(talk: Conversation, remembered: int, count: int) -> Iterator[list[AnyMessage]]:
    """The messages of the conversation once `remembered` of them are there, and then turn by turn,
    each time with a question at the end."""
    messages: list[AnyMessage] = []
    given = 0
    for turn, exchange in enumerate(talk.exchanges):
        question = talk.planted[given % len(talk.planted)].question
        if given < count and len(messages) >= remembered:
            yield [*messages, HumanMessage(question, id=f"q{given}")]
            given += 1
        messages.append(HumanMessage(exchange.said, id=f"u{turn}"))
        if exchange.calls:
            messages.append(AIMessage("", tool_calls=calls_of(exchange, turn), id=f"c{turn}"))
        messages += results_of(exchange, turn)
        messages.append(AIMessage(exchange.answer, id=f"a{turn}"))


def call(
    middleware: OptimemMiddleware, talk: Conversation, messages: Sequence[AnyMessage]
) -> float:
    """Seconds of a model call whose model takes no time."""
    request: Any = ModelRequest(model=scripted(talk.exchanges), messages=list(messages))
    started = time.perf_counter()
    middleware.wrap_model_call(request, lambda _: ModelResponse(result=[]))
    return time.perf_counter() - started


def dense_page(talk: Conversation, reader: PageCodec) -> VisionTokens:
    """A full page of the conversation as new pages are written."""
    text = "\n".join(exchange.text for exchange in talk.exchanges)
    cells = reader.renderer.cells(text)
    end = reader.renderer.split(cells, reader.renderer.capacity)
    (tokens,) = reader.encoder.encode([reader.renderer.page(cells[:end])], Tier.LARGE)
    return tokens


def read_page(page: VisionTokens, reader: PageCodec) -> float:
    """Seconds to read it back to text."""
    started = time.perf_counter()
    (cells,) = reader.decoder.read([page])
    reader.renderer.text(cells)
    return time.perf_counter() - started
