"""A conversation through a real agent on a scripted model, which records what it is sent.

The agent is LangChain's `create_agent` with a checkpointer. What it says and calls is the
script's; what it remembers is up to the middleware.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolCallId, StructuredTool
from langgraph.checkpoint.memory import InMemorySaver

from benchmarks.agents.conversation import Conversation, Exchange, Planted
from benchmarks.agents.recording import ScriptedModel
from optimem.adapters.messages import message_text

SYSTEM = "You are Marta's assistant. Use the tools; be brief."
THREAD: RunnableConfig = {"configurable": {"thread_id": "long run"}}
TOOLS = {
    "search_mail": "Search the mailbox.",
    "calendar": "Look into the calendar.",
    "run_shell": "Run a command on the jump host.",
    "bank_entries": "List entries of the bank account.",
    "contacts": "Look up people and companies.",
    "find_files": "Find files by what they are about.",
    "web_search": "Search the web.",
}


def scripted(exchanges: Sequence[Exchange]) -> ScriptedModel:
    """A model that follows a conversation by the last message: calls after what a human said, if
    there are any, and the answer after results. A question about a fact gets no fact in reply."""

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            turn = int(last.tool_call_id.split("-")[0])
            return AIMessage(exchanges[turn].answer, id=f"a{turn}")
        if not str(last.id).startswith("u"):
            return AIMessage("Let me see.", id=f"a-{last.id}")
        turn = int(str(last.id)[1:])
        exchange = exchanges[turn]
        if not exchange.calls:
            return AIMessage(exchange.answer, id=f"a{turn}")
        return AIMessage("", tool_calls=calls_of(exchange, turn), id=f"c{turn}")

    return ScriptedModel(answer=answer)


def calls_of(exchange: Exchange, turn: int) -> list[Any]:
    """The tool calls of a turn."""
    return [
        {"name": call.tool, "args": {"query": call.query}, "id": f"{turn}-{place}"}
        for place, call in enumerate(exchange.calls)
    ]


def results_of(exchange: Exchange, turn: int) -> list[ToolMessage]:
    """What the tools of a turn answer, with ids that are the same in each run."""
    return [
        ToolMessage(call.result, name=call.tool, tool_call_id=key, id=f"t{key}")
        for place, call in enumerate(exchange.calls)
        for key in [f"{turn}-{place}"]
    ]


def scripted_tools(exchanges: Sequence[Exchange]) -> list[BaseTool]:
    """Tools that find what the script says they find."""
    results = {
        result.tool_call_id: result
        for turn, exchange in enumerate(exchanges)
        for result in results_of(exchange, turn)
    }

    def find(query: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> ToolMessage:
        return results[tool_call_id]

    return [
        StructuredTool.from_function(find, name=name, description=what)
        for name, what in TOOLS.items()
    ]


class Run:
    """One agent. `sent`: what its model was sent with each turn's user message or tool results,
    the last call of a turn; without the system prompt. `saved`: what the checkpointer holds
    after the conversation, and how many checkpoints; `state`: the graph's."""

    def __init__(
        self, talk: Conversation, middleware: Sequence[AgentMiddleware[Any, Any, Any]] = ()
    ) -> None:
        self.talk = talk
        self.model = scripted(talk.exchanges)
        self._saver = InMemorySaver()
        self._agent = create_agent(
            self.model,
            scripted_tools(talk.exchanges),
            system_prompt=SYSTEM,
            middleware=middleware,
            checkpointer=self._saver,
        )
        self.sent: list[list[BaseMessage]] = []

    def go(self, after_turn: Callable[[], object] = lambda: None) -> "Run":
        """The whole conversation, turn by turn."""
        for turn, exchange in enumerate(self.talk.exchanges):
            self.sent.append(self._say(exchange.said, f"u{turn}", THREAD))
            after_turn()
        self._end = self._agent.get_state(THREAD)
        self.state: dict[str, Any] = self._end.values
        newest = self._saver.get_tuple(THREAD)
        count = sum(1 for _ in self._saver.list(THREAD))
        self.saved = (newest.checkpoint["channel_values"] if newest else None, count)
        return self

    def ask(self) -> list[bool]:
        """Ask about each fact, as the next thing said after the conversation, so that no question
        is in the history of another; whether its value was in what the model was sent."""
        return [
            present(fact, self._say(fact.question, f"q{place}", self._end.config))
            for place, fact in enumerate(self.talk.planted)
        ]

    def _say(self, text: str, key: str, config: RunnableConfig) -> list[BaseMessage]:
        message = HumanMessage(text, id=key)
        self._agent.invoke({"messages": [message]}, config, durability="exit")
        return without_system(self.model.sent[-1])

    @property
    def requests(self) -> list[list[BaseMessage]]:
        """Everything that the model was ever sent."""
        return [without_system(sent) for sent in self.model.sent]


def without_system(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Messages without the system prompt, which is nobody's to shorten."""
    return [message for message in messages if not isinstance(message, SystemMessage)]


def present(fact: Planted, sent: Sequence[BaseMessage]) -> bool:
    """Whether a fact's value stands in what a model was sent, to the letter."""
    return any(fact.value in message_text(message) for message in sent)
