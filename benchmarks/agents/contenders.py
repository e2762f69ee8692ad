"""What an agent may do about a long conversation: nothing, optimem, LangChain's own ways, and the
naive one, which rewrites the front of the prompt at every call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain.agents.middleware import (
    AgentMiddleware,
    ModelRequest,
    ModelResponse,
    SummarizationMiddleware,
)
from langchain.agents.middleware.summarization import DEFAULT_SUMMARY_PROMPT
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda

from benchmarks.agents.baselines import TrimmingMiddleware, extract_summary, total_tokens
from benchmarks.agents.bill import OwnCall
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.adapters.conversation import read_conversation
from optimem.memory.recall.prompting import count_tokens, format_context

NOTHING, OPTIMEM, SUMMARY, TRIM, NAIVE = (
    "no middleware", "optimem", "SummarizationMiddleware", "trim_messages", "naive rewrite",
)  # fmt: skip
WINDOW, KEPT, SUMMARY_TOKENS = 4000, 20, 1100
"""At how many tokens others shorten a conversation, how many messages they keep, and how many
tokens a summary has."""

Middlewares = list[AgentMiddleware[Any, Any, Any]]


@dataclass
class Contender:
    """`middleware`: of the agent. `own`: the calls that it makes, as they are made."""

    middleware: Middlewares
    own: list[OwnCall] = field(default_factory=list)


MakeContender = Callable[[OpticalMemory], Contender]


def nothing(_: OpticalMemory) -> Contender:
    """Everything is sent."""
    return Contender([])


def optimem(model: str, max_tokens: int | None = None) -> MakeContender:
    """As it comes, told only which model's prices hold, and how long a request may be."""

    def make(memory: OpticalMemory) -> Contender:
        middleware = OptimemMiddleware(memory, cache=model, max_tokens=max_tokens, on_error="raise")
        return Contender([middleware])

    return make


def summarization(_: OpticalMemory) -> Contender:
    """`SummarizationMiddleware`, with a summarizer that extracts; what a model would be sent and
    write in its place is counted."""
    own: list[OwnCall] = []

    def summarize(messages: Sequence[Any]) -> str:
        summary = extract_summary(messages, SUMMARY_TOKENS)
        sent = total_tokens(messages) + count_tokens(DEFAULT_SUMMARY_PROMPT)
        own.append(OwnCall(sent, count_tokens(summary)))
        return summary

    middleware = SummarizationMiddleware(
        FakeListChatModel(responses=["never called, as there is a summarizer"]),
        trigger=("tokens", WINDOW),
        keep=("messages", KEPT),
        token_counter=total_tokens,
        trim_tokens_to_summarize=None,
        summarizer=RunnableLambda(summarize),
    )
    return Contender([middleware], own)


def trimming(_: OpticalMemory) -> Contender:
    """`trim_messages`: the newest whole turns that fit."""
    return Contender([TrimmingMiddleware(WINDOW)])


def naive(memory: OpticalMemory) -> Contender:
    """What matches the last message stands in place of all but the newest messages."""
    return Contender([NaiveRewrite(memory)])


class NaiveRewrite(AgentMiddleware[Any, Any, Any]):
    """Recalls anew at every call and puts it first."""

    def __init__(self, memory: OpticalMemory) -> None:
        super().__init__()
        self.memory, self.tools = memory, []

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model call with the newest messages, and recollections before them."""
        talk = read_conversation(request.messages, "")
        cut = talk.history.safe_cut(max(len(request.messages) - KEPT, 0))
        if not cut:
            return handler(request)
        held = self.memory.holds("naive", talk.names[:cut])
        new = [index for index, known in enumerate(held) if not known]
        self.memory.append("naive", talk.turns(new))
        question = request.messages[talk.question].text
        hits = self.memory.recall("naive", question, 12, following=3)
        note = HumanMessage(format_context(hits, SUMMARY_TOKENS) or "-")
        return handler(request.override(messages=[note, *request.messages[cut:]]))


OTHERS: dict[str, MakeContender] = {
    NOTHING: nothing, SUMMARY: summarization, TRIM: trimming, NAIVE: naive,
}  # fmt: skip
