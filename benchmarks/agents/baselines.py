"""LangChain's own ways to keep a conversation within a budget, set up as well as can be offline.

`TrimmingMiddleware` sends the newest messages. `summarization` is LangChain's
`SummarizationMiddleware`; as no large model is at hand, its summarizer extracts: from the last
summary and the messages since, it keeps as many of the weightiest sentences and lines verbatim as
fit. A model that writes the summary would keep fewer values verbatim, or choose better what will
be asked about; this benchmark cannot say which.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from langchain.agents.middleware import (
    AgentMiddleware,
    ModelRequest,
    ModelResponse,
    SummarizationMiddleware,
)
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AnyMessage, BaseMessage, trim_messages
from langchain_core.runnables import RunnableLambda

from optimem.adapters.messages import message_text, message_tokens, parse_message
from optimem.memory.recall.prompting import count_tokens
from optimem.prompts.draft import MESSAGE_TOKENS
from optimem.text.exact import exact_values
from optimem.text.terms import terms

SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")
SUMMARY_PREFIX = "Here is a summary of the conversation to date:\n\n"
"""How `SummarizationMiddleware` begins a summary."""
USER_PREFIX = "user: "
USER_WEIGHT = 4.0
"""Of the user's lines: tools list far more lines in a long conversation, and would crowd them
out."""


def total_tokens(messages: Iterable[Any]) -> int:
    """Tokens of messages by DeepSeek's tokenizer: text, names and arguments of tool calls, and four
    for each frame."""
    return sum(map(message_tokens, messages))


class TrimmingMiddleware(AgentMiddleware[Any, Any, Any]):
    """`trim_messages`: the newest whole turns that fit `budget` tokens, at least the last."""

    def __init__(self, budget: int) -> None:
        super().__init__()
        self.budget = budget
        self.tools = []

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model call with the newest messages only."""
        kept: list[Any] = trim_messages(
            request.messages,
            max_tokens=self.budget,
            token_counter=total_tokens,
            strategy="last",
            start_on="human",
        )
        if not kept or kept[-1] is not request.messages[-1]:  # the task alone is too long
            last = max(i for i, message in enumerate(request.messages) if message.type == "human")
            kept = request.messages[last:]
        return handler(request.override(messages=kept))


def summarization(
    budget: int, summary_tokens: int, recent_tokens: int
) -> SummarizationMiddleware[Any, Any]:
    """Once a conversation has `budget` tokens, all but the last `recent_tokens` become a summary
    of at most `summary_tokens`."""
    return SummarizationMiddleware(
        FakeListChatModel(responses=["never called, as there is a summarizer"]),
        trigger=("tokens", budget),
        keep=("tokens", recent_tokens),
        token_counter=total_tokens,
        trim_tokens_to_summarize=None,
        summarizer=RunnableLambda(lambda messages: extract_summary(messages, summary_tokens)),
    )


def extract_summary(messages: Sequence[AnyMessage], budget: int) -> str:
    """The weightiest sentences and lines that fit `budget` tokens, in their original order; of
    equal ones the newest."""
    lines = [line for message in messages for line in split_lines(message)]
    line_terms = [set(terms(line)) for line in lines]
    frequency = Counter(term for found in line_terms for term in found)
    weights = [
        _weight(line, found, frequency, len(lines))
        for line, found in zip(lines, line_terms, strict=True)
    ]
    left = budget - MESSAGE_TOKENS - count_tokens(SUMMARY_PREFIX)
    chosen = []
    for index in sorted(range(len(lines)), key=lambda i: (weights[i], i), reverse=True):
        size = count_tokens(lines[index]) + 1  # the line break
        if size <= left:
            chosen.append(index)
            left -= size
    return "\n".join(lines[index] for index in sorted(chosen))


def split_lines(message: BaseMessage) -> Iterator[str]:
    """The sentences and lines of a message after its role; the lines of an earlier summary."""
    text = message_text(message)
    if text.startswith(SUMMARY_PREFIX):
        yield from text.removeprefix(SUMMARY_PREFIX).splitlines()
        return
    role = parse_message(message).role
    yield from (f"{role}: {part}" for part in SENTENCE_END.split(text) if part.strip())


def _weight(line: str, found: set[int], frequency: Counter[int], count: int) -> float:
    """Weight per token: rare terms and exact values count, and who speaks."""
    rarity = sum(math.log(count / frequency[term]) for term in found)
    exact = 1 + math.sqrt(len(exact_values(line)))
    speaker = USER_WEIGHT if line.startswith(USER_PREFIX) else 1.0
    return speaker * exact * rarity / (count_tokens(line) + 1)
