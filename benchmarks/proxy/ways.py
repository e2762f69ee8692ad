"""What may stand between a client and a provider: nothing, the proxy, one that sends only the
newest messages, and one that rewrites the front of every request.

Each takes the history of a call and gives the messages that are sent.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.agents.contenders import KEPT, SUMMARY_TOKENS, WINDOW
from benchmarks.proxy.requests import Dialect, Message
from optimem import OpticalMemory
from optimem.memory.recall.prompting import format_context
from optimem.planning.conversation import Conversation
from optimem.planning.facts import Counters
from optimem.proxy import reading
from optimem.proxy.shortening import Asked, Shortener
from optimem.proxy.wire import Body, parse_body

Way = Callable[[Sequence[Message]], list[Message]]
MakeWay = Callable[[OpticalMemory, Dialect], Way]
NOTHING, OURS, TRUNCATION, NAIVE = "no proxy", "optimem", "truncation", "naive rewrite"


def read(dialect: Dialect, messages: Sequence[Message]) -> tuple[Body, int, Conversation]:
    """A request as the proxy reads it: its body, how many system messages lead, and the rest."""
    body = parse_body(dialect.body(messages), dialect.api.field)
    assert body
    head = reading.head_length(body)
    return body, head, reading.read_conversation(dialect.api, body, head, "", Counters())


def nothing(_: OpticalMemory, __: Dialect) -> Way:
    """Everything is sent."""
    return list


def ours(memory: OpticalMemory, dialect: Dialect) -> Way:
    """As the proxy does in mode "recall"."""
    shortener = Shortener(memory, memory.clock)

    def way(messages: Sequence[Message]) -> list[Message]:
        done = shortener.shorten(Asked(dialect.api, "recall", dialect.body(messages), key="k"))
        assert done
        sent: list[Message] = json.loads(done.body)[dialect.api.field]
        return [message for message in sent if message["role"] != "system"]

    return way


def truncation(_: OpticalMemory, dialect: Dialect) -> Way:
    """The newest messages of at most `WINDOW` tokens, no result without its call."""

    def way(messages: Sequence[Message]) -> list[Message]:
        history = read(dialect, messages)[2].history
        fits = [cut for cut in history.safe if history.between(cut, len(messages)) <= WINDOW]
        starts = [cut for cut in fits if cut in history.human]
        return [*messages[min(starts or fits or [history.last_human(len(messages))]) :]]

    return way


def naive(memory: OpticalMemory, dialect: Dialect) -> Way:
    """What matches the last message stands, anew at each call, in place of all but the newest
    messages."""

    def way(messages: Sequence[Message]) -> list[Message]:
        talk = read(dialect, messages)[2]
        cut = talk.history.safe_cut(max(len(messages) - KEPT, 0))
        if not cut:
            return [*messages]
        held = memory.holds("naive", talk.names[:cut])
        memory.append("naive", talk.turns(i for i, known in enumerate(held) if not known))
        question = talk.facts[talk.question].text
        hits = memory.recall("naive", question, 12, following=3)
        note = {"role": "user", "content": format_context(hits, SUMMARY_TOKENS) or "-"}
        return [note, *messages[cut:]]

    return way


WAYS: dict[str, MakeWay] = {
    NOTHING: nothing, TRUNCATION: truncation, NAIVE: naive, OURS: ours,
}  # fmt: skip


def written(message: Message) -> str:
    """A message as a cache of prompts sees it: without marks, and a text alone as a list of it."""
    return reading.identity(message) + json.dumps(_ids(message))


def _ids(message: Message) -> list[Any]:
    blocks = message["content"] if isinstance(message["content"], list) else []
    calls = [call["id"] for call in message.get("tool_calls", [])]
    found = [message.get("tool_call_id"), *calls]
    found += [block.get("id") or block.get("tool_use_id") for block in blocks]
    return [each for each in found if each]
