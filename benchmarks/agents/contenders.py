"""What else keeps a conversation within a budget: LangChain's own ways, set up as well as can be
offline.

`Trimming` sends the newest messages. `summarising` is LangChain's `SummarizationMiddleware`; as
no large model is at hand, its summariser extracts: of what was summarised before and what was
said since, it keeps the sentences and lines that say most, to the letter, as many as fit. A
model's own words would keep fewer values verbatim, or choose better what will be asked; which,
cannot be told here.
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

from optimem.adapters.messages import message_text, said
from optimem.adapters.sizes import tokens
from optimem.memory.prompting import tokens_of
from optimem.prompts.draft import MESSAGE_TOKENS
from optimem.text.exact import exact_values
from optimem.text.terms import terms

BREAK = re.compile(r"(?<=[.!?])\s+|\n")
INTRODUCTION = "Here is a summary of the conversation to date:\n\n"
"""How `SummarizationMiddleware` begins a summary."""
BY_USER = "user: "
USER = 4.0
"""How much more what the user says is worth than what a tool lists or the agent answers: in a
long conversation there is by far the most of the tools'."""


def total(messages: Iterable[Any]) -> int:
    """Tokens of messages by DeepSeek's tokenizer: text, tool calls, and four for each frame."""
    return sum(map(tokens, messages))


class Trimming(AgentMiddleware[Any, Any, Any]):
    """`trim_messages`: the newest whole turns that fit `budget` tokens."""

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
            token_counter=total,
            strategy="last",
            start_on="human",
        )
        return handler(request.override(messages=kept))


def summarising(budget: int, place: int, recent: int) -> SummarizationMiddleware[Any, Any]:
    """Once a conversation has `budget` tokens, all but the last `recent` of them become a summary
    of at most `place` tokens."""
    return SummarizationMiddleware(
        FakeListChatModel(responses=["never asked, as there is a summariser"]),
        trigger=("tokens", budget),
        keep=("tokens", recent),
        token_counter=total,
        trim_tokens_to_summarize=None,
        summarizer=RunnableLambda(lambda messages: extract(messages, place)),
    )


def extract(messages: Sequence[AnyMessage], budget: int) -> str:
    """The sentences and lines that say most for their length, as many as fit `budget` tokens, in
    the order in which they were said; of equal ones the newest."""
    lines = [line for message in messages for line in sentences(message)]
    counted = [set(terms(line)) for line in lines]
    having = Counter(term for words in counted for term in words)
    worth = [
        _worth(line, words, having, len(lines)) for line, words in zip(lines, counted, strict=True)
    ]
    left = budget - MESSAGE_TOKENS - tokens_of(INTRODUCTION)
    chosen = []
    for at in sorted(range(len(lines)), key=lambda at: (worth[at], at), reverse=True):
        size = tokens_of(lines[at]) + 1  # the line's end
        if size <= left:
            chosen.append(at)
            left -= size
    return "\n".join(lines[at] for at in sorted(chosen))


def sentences(message: BaseMessage) -> Iterator[str]:
    """Sentences and lines of a message with who says them; of a summary, its lines."""
    text = message_text(message)
    if text.startswith(INTRODUCTION):
        yield from text.removeprefix(INTRODUCTION).splitlines()
        return
    role = said(message).role
    yield from (f"{role}: {part}" for part in BREAK.split(text) if part.strip())


def _worth(line: str, words: set[int], having: Counter[int], count: int) -> float:
    """How much a line says a token: rare words, and values that are to be kept exactly."""
    rarity = sum(math.log(count / having[term]) for term in words)
    exact = 1 + math.sqrt(len(exact_values(line)))
    by_user = USER if line.startswith(BY_USER) else 1.0
    return by_user * exact * rarity / (tokens_of(line) + 1)
