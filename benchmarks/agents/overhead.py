"""What the middleware adds to a model call with a thousand turns in memory, relative to the time
that the shipped model takes to read a page. Both are timed in turn in one run, so only their ratio
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

from benchmarks.agents.conversation import Conversation, make_conversation
from benchmarks.agents.measure import SCOPE, Budget, middleware
from benchmarks.agents.runs import scripted_model, tool_calls, tool_results
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.build import nano_codec
from optimem.protocols import PageCodec, VisionTokens
from optimem.tiers import Tier

TURNS = 500
"""Of the conversation, about three messages each."""
WARM_UP = 3
"""Calls that are not timed."""


@dataclass(frozen=True)
class Overhead:
    """Time that a call adds, relative to reading a page: median and 99th percentile.
    `remembered`: turns in memory at the first call. `calls`: how many were timed."""

    remembered: int
    calls: int
    median: float
    p99: float


def measure_overhead(
    seed: int, budget: Budget, remembered: int = 1000, calls: int = 100
) -> Overhead:
    """Time calls and page reads; the conversation grows by a turn from each call to the next."""
    conversation = make_conversation(seed, TURNS, facts=40)
    codec = nano_codec()
    page = full_page(conversation, codec)
    added, reads = [], []
    with OpticalMemory.open(":memory:") as memory:
        adapter = middleware(memory, budget)
        growing = states(conversation, remembered, WARM_UP + calls)
        for number, messages in enumerate(growing):
            if number == 0:
                time_call(adapter, conversation, messages)
                memory.drain()
                first = memory.stats(SCOPE).turns
            seconds = time_call(adapter, conversation, messages)
            memory.drain()
            if number >= WARM_UP:
                added.append(seconds)
                reads.append(time_read(page, codec))
    unit = median(reads)
    return Overhead(first, calls, median(added) / unit, float(np.quantile(added, 0.99)) / unit)


def states(conversation: Conversation, remembered: int, count: int) -> Iterator[list[AnyMessage]]:
    """The messages of the conversation once there are `remembered` of them, then `count` times
    turn by turn, each time with a question at the end."""
    messages: list[AnyMessage] = []
    given = 0
    for turn, exchange in enumerate(conversation.exchanges):
        if given < count and len(messages) >= remembered:
            question = conversation.facts[given % len(conversation.facts)].question
            yield [*messages, HumanMessage(question, id=f"q{given}")]
            given += 1
        messages.append(HumanMessage(exchange.request, id=f"u{turn}"))
        if exchange.calls:
            messages.append(AIMessage("", tool_calls=tool_calls(exchange, turn), id=f"c{turn}"))
        messages += tool_results(exchange, turn)
        messages.append(AIMessage(exchange.answer, id=f"a{turn}"))


def time_call(
    adapter: OptimemMiddleware, conversation: Conversation, messages: Sequence[AnyMessage]
) -> float:
    """Seconds of a call to a model that takes no time."""
    model = scripted_model(conversation.exchanges)
    request: Any = ModelRequest(model=model, messages=list(messages))
    started = time.perf_counter()
    adapter.wrap_model_call(request, lambda _: ModelResponse(result=[]))
    return time.perf_counter() - started


def full_page(conversation: Conversation, codec: PageCodec) -> VisionTokens:
    """A full page of the conversation at the tier of new pages."""
    text = "\n".join(exchange.text for exchange in conversation.exchanges)
    cells = codec.renderer.cells(text)
    end = codec.renderer.split(cells, codec.renderer.capacity)
    (tokens,) = codec.encoder.encode([codec.renderer.page(cells[:end])], Tier.LARGE)
    return tokens


def time_read(page: VisionTokens, codec: PageCodec) -> float:
    """Seconds to read a page back to text."""
    started = time.perf_counter()
    (cells,) = codec.decoder.read([page])
    codec.renderer.text(cells)
    return time.perf_counter() - started
