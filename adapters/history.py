"""A chat message history on a memory, for code that still asks for one."""

import warnings
from collections.abc import Sequence
from uuid import uuid4

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from optimem.adapters.messages import whole_message, whole_turn
from optimem.api.memory import OpticalMemory
from optimem.turns import Turn

NOTE = (
    "OptimemChatMessageHistory is for chains that expect a message history, a class that "
    "langchain-core has deprecated since 1.6.4; in agents use OptimemMiddleware"
)


class OptimemChatMessageHistory(BaseChatMessageHistory):
    """All messages of a scope, as they can be read now. Old ones fade; what has faded is
    marked with U+FFFD."""

    def __init__(self, memory: OpticalMemory, scope: str) -> None:
        warnings.warn(NOTE, DeprecationWarning, stacklevel=2)
        self.memory, self.scope = memory, scope

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # a field in the base
        """Every message, in order."""
        return [whole_message(turn) for turn in self.memory.reconstruct(self.scope)]

    async def aget_messages(self) -> list[BaseMessage]:
        """Async twin of `messages`."""
        return [whole_message(turn) for turn in await self.memory.areconstruct(self.scope)]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Remember messages, each once."""
        self.memory.append(self.scope, _turns(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Async twin of `add_messages`."""
        await self.memory.aappend(self.scope, _turns(messages))

    def clear(self) -> None:
        """Forget them all."""
        self.memory.forget(self.scope)

    async def aclear(self) -> None:
        """Async twin of `clear`."""
        await self.memory.aforget(self.scope)


def _turns(messages: Sequence[BaseMessage]) -> list[Turn]:
    """Messages without an id are new ones, whatever they say."""
    return [whole_turn(message, message.id or uuid4().hex) for message in messages]
