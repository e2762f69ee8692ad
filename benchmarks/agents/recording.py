"""A chat model that follows a script and records what it was sent, and what must never be in
that: half of a tool call."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field


class ScriptedModel(BaseChatModel):
    """Answers with what `answer` makes of the messages it is sent."""

    answer: Callable[[Sequence[BaseMessage]], AIMessage]
    sent: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **_: Any) -> "ScriptedModel":
        """The script knows which tools there are."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        self.sent.append(list(messages))
        return ChatResult(generations=[ChatGeneration(message=self.answer(messages))])


def orphans(messages: Sequence[BaseMessage]) -> list[str]:
    """Ids of calls without a result right after, and of results without their call before."""
    waiting: set[str] = set()
    lost: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in waiting:
                lost.append(message.tool_call_id)
            waiting.discard(message.tool_call_id)
            continue
        lost += sorted(waiting)
        waiting = set()
        if isinstance(message, AIMessage):
            waiting = {str(call["id"]) for call in message.tool_calls}
    return lost + sorted(waiting)
