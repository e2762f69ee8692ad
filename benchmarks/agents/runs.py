"""A conversation through a real agent, on a scripted model that records what it is sent.

The agent is LangChain's `create_agent` with a checkpointer. The script decides what it says and
which tools it calls; the middleware, what it remembers.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolCallId, StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from benchmarks.agents.conversation import Conversation
from benchmarks.agents.exchanges import Exchange, PlantedFact
from optimem.adapters.messages import message_text

SYSTEM = "You are Marta's assistant. Use the tools; be brief."
THREAD: RunnableConfig = {"configurable": {"thread_id": "long run"}}
STEPS = 500
"""Of an agent in one turn, at most."""
TOOLS = {
    "search_mail": "Search the mailbox.",
    "calendar": "Look into the calendar.",
    "run_shell": "Run a command on the jump host.",
    "bank_entries": "List entries of the bank account.",
    "contacts": "Look up people and companies.",
    "find_files": "Find files by what they are about.",
    "web_search": "Search the web.",
}


class ScriptedModel(BaseChatModel):
    """A chat model that calls `answer` with the messages it is sent, and keeps them in `sent`."""

    answer: Callable[[Sequence[BaseMessage]], AIMessage]
    sent: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **_: Any) -> "ScriptedModel":
        """The model itself: its script knows the tools."""
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


class AgentRun:
    """One agent in one conversation, without the system prompt in what is recorded.

    `sent`: what the model was sent at the last call of each turn. After `play`: `state`, the
    graph's; `saved`, what the checkpointer holds, and how many checkpoints.
    """

    def __init__(
        self,
        conversation: Conversation,
        middleware: Sequence[AgentMiddleware[Any, Any, Any]] = (),
        system: str = SYSTEM,
    ) -> None:
        self.conversation = conversation
        self.model = scripted_model(conversation.exchanges)
        self.sent: list[list[BaseMessage]] = []
        self._saver = InMemorySaver()
        self._agent = create_agent(
            self.model,
            scripted_tools(conversation.exchanges),
            system_prompt=system,
            middleware=middleware,
            checkpointer=self._saver,
        )

    def play(self, after_turn: Callable[[], object] = lambda: None) -> "AgentRun":
        """Run the whole conversation, turn by turn."""
        for turn, exchange in enumerate(self.conversation.exchanges):
            self.sent.append(self._send(exchange.request, f"u{turn}", THREAD))
            after_turn()
        self._end = self._agent.get_state(THREAD)
        self.state: dict[str, Any] = self._end.values
        newest = self._saver.get_tuple(THREAD)
        count = sum(1 for _ in self._saver.list(THREAD))
        self.saved = (newest.checkpoint["channel_values"] if newest else None, count)
        return self

    def ask(self) -> list[bool]:
        """Ask about each fact, each time right after the conversation, so that no question is in
        the history of another: whether the fact's value was in what the model was sent."""
        return [
            mentions(self._send(fact.question, f"q{number}", self._end.config), fact)
            for number, fact in enumerate(self.conversation.facts)
        ]

    @property
    def requests(self) -> list[list[BaseMessage]]:
        """Everything that the model was ever sent."""
        return [without_system(sent) for sent in self.model.sent]

    def _send(self, text: str, key: str, config: RunnableConfig) -> list[BaseMessage]:
        message = HumanMessage(text, id=key)
        config = {**config, "recursion_limit": STEPS}
        self._agent.invoke({"messages": [message]}, config, durability="exit")
        return without_system(self.model.sent[-1])


def scripted_model(exchanges: Sequence[Exchange]) -> ScriptedModel:
    """A model that goes by the last message: after a request it makes the turn's calls, if any;
    after their results, or without calls, it answers. A question about a fact gets a reply that
    mentions none."""

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            turn, number = map(int, last.tool_call_id.split("-"))
            return next_step(exchanges[turn], turn, number + 1)
        if not str(last.id).startswith("u"):
            return AIMessage("Let me see.", id=f"a-{last.id}")
        turn = int(str(last.id)[1:])
        return next_step(exchanges[turn], turn, 0)

    return ScriptedModel(answer=answer)


def next_step(exchange: Exchange, turn: int, number: int) -> AIMessage:
    """What the agent says after `number` results: its calls, the next one of them, or its
    answer."""
    calls = tool_calls(exchange, turn)
    left = calls[number : number + 1] if exchange.in_turn else calls if number == 0 else []
    if not left:
        return AIMessage(exchange.answer, id=f"a{turn}")
    return AIMessage("", tool_calls=left, id=f"c{turn}-{number}" if number else f"c{turn}")


def scripted_tools(exchanges: Sequence[Exchange]) -> list[BaseTool]:
    """Tools that return what the script says."""
    results = {
        result.tool_call_id: result
        for turn, exchange in enumerate(exchanges)
        for result in tool_results(exchange, turn)
    }

    def find(query: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> ToolMessage:
        return results[tool_call_id]

    return [
        StructuredTool.from_function(find, name=name, description=description)
        for name, description in TOOLS.items()
    ]


def tool_calls(exchange: Exchange, turn: int) -> list[Any]:
    """The tool calls of a turn."""
    return [
        {"name": call.tool, "args": {"query": call.query}, "id": f"{turn}-{number}"}
        for number, call in enumerate(exchange.calls)
    ]


def tool_results(exchange: Exchange, turn: int) -> list[ToolMessage]:
    """The results of a turn's tool calls, with the same ids in each run."""
    return [
        ToolMessage(call.result, name=call.tool, tool_call_id=key, id=f"t{key}")
        for number, call in enumerate(exchange.calls)
        for key in [f"{turn}-{number}"]
    ]


def find_orphans(messages: Sequence[BaseMessage]) -> list[str]:
    """Ids of tool calls without a result right after them, and of results without their call
    before them."""
    pending: set[str] = set()
    orphans: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in pending:
                orphans.append(message.tool_call_id)
            pending.discard(message.tool_call_id)
            continue
        orphans += sorted(pending)
        pending = set()
        if isinstance(message, AIMessage):
            pending = {str(call["id"]) for call in message.tool_calls}
    return orphans + sorted(pending)


def without_system(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Messages without the system prompt, which no middleware may shorten."""
    return [message for message in messages if not isinstance(message, SystemMessage)]


def mentions(messages: Sequence[BaseMessage], fact: PlantedFact) -> bool:
    """Whether a fact's value occurs verbatim in messages."""
    return any(fact.value in message_text(message) for message in messages)
