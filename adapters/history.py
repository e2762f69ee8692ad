"""A LangChain chat message history on a memory, for chains that still expect one."""

import warnings
from collections.abc import Sequence
from uuid import uuid4

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from optimem.adapters.messages import from_exact_turn, to_exact_turn
from optimem.api.memory import OpticalMemory
from optimem.turns import Turn

DEPRECATED = (
    "OptimemChatMessageHistory is for chains that expect a message history, a class that "
    "langchain-core has deprecated since 1.6.4; in agents use OptimemMiddleware"
)


class OptimemChatMessageHistory(BaseChatMessageHistory):
    """All messages of a scope as they can be read now. Old ones fade: U+FFFD stands for a
    character that cannot be read any more."""

    def __init__(self, memory: OpticalMemory, scope: str) -> None:
        warnings.warn(DEPRECATED, DeprecationWarning, stacklevel=2)
        self.memory, self.scope = memory, scope

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # a field in the base
        """Every message, in order."""
        return [from_exact_turn(turn) for turn in self.memory.reconstruct(self.scope)]

    async def aget_messages(self) -> list[BaseMessage]:
        """Async twin of `messages`."""
        return [from_exact_turn(turn) for turn in await self.memory.areconstruct(self.scope)]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Remember messages. One whose id is known already is skipped; one without an id is
        always new."""
        self.memory.append(self.scope, _to_turns(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Async twin of `add_messages`."""
        await self.memory.aappend(self.scope, _to_turns(messages))

    def clear(self) -> None:
        """Forget all messages of the scope."""
        self.memory.forget(self.scope)

    async def aclear(self) -> None:
        """Async twin of `clear`."""
        await self.memory.aforget(self.scope)


def _to_turns(messages: Sequence[BaseMessage]) -> list[Turn]:
    return [to_exact_turn(message, message.id or uuid4().hex) for message in messages]
