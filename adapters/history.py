"""A chat message history on a memory, for code that still asks for one."""

import warnings
from collections.abc import Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from optimem.adapters.messages import message_keys, whole_message, whole_turn
from optimem.memory import OpticalMemory
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
        known = self.memory.stats(self.scope).turns
        self.memory.append(self.scope, _turns(messages, known))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Async twin of `add_messages`."""
        known = (await self.memory.astats(self.scope)).turns
        await self.memory.aappend(self.scope, _turns(messages, known))

    def clear(self) -> None:
        """Forget them all."""
        self.memory.forget(self.scope)

    async def aclear(self) -> None:
        """Async twin of `clear`."""
        await self.memory.aforget(self.scope)


def _turns(messages: Sequence[BaseMessage], known: int) -> list[Turn]:
    """Messages without an id are told apart by how many came before."""
    keys = [
        message.id or f"{known + place}-{key}"
        for place, (message, key) in enumerate(zip(messages, message_keys(messages), strict=True))
    ]
    return [whole_turn(message, key) for message, key in zip(messages, keys, strict=True)]
