"""A conversation played with a middleware called directly, in place of a real agent: the same hooks
with the same arguments in the same order, without the graph and its checkpoints, which take most
of an agent's time. `tests/benchmarks/test_agents_direct.py` compares the two request by request.
"""

from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.graph.message import add_messages
from langgraph.runtime import ExecutionInfo, Runtime

from benchmarks.agents.conversation import Conversation
from benchmarks.agents.runs import (
    SYSTEM,
    THREAD,
    mentions,
    scripted_model,
    scripted_tools,
    tool_results,
    without_system,
)

Handler = Callable[[ModelRequest[Any]], Any]


class DirectRun:
    """What `runs.AgentRun` is, as far as requests go.

    `requests`: everything that the model was ever sent, without the system prompt. `sent`: of
    these the last one of each turn.
    """

    def __init__(
        self,
        conversation: Conversation,
        middleware: Sequence[AgentMiddleware[Any, Any, Any]] = (),
        system: str = SYSTEM,
    ) -> None:
        self.conversation, self._middleware = conversation, middleware
        self.requests: list[list[BaseMessage]] = []
        self.sent: list[list[BaseMessage]] = []
        self._state: list[AnyMessage] = []
        self._model = scripted_model(conversation.exchanges)
        self._tools = scripted_tools(conversation.exchanges)
        self._results = {
            result.tool_call_id: result
            for turn, exchange in enumerate(conversation.exchanges)
            for result in tool_results(exchange, turn)
        }
        self._system = SystemMessage(system)
        thread = str(THREAD["configurable"]["thread_id"])
        self._runtime = Runtime(execution_info=ExecutionInfo("", "", "", thread_id=thread))

    def play(self) -> "DirectRun":
        """Run the whole conversation, turn by turn."""
        for turn, exchange in enumerate(self.conversation.exchanges):
            self._state = self._turn(HumanMessage(exchange.request, id=f"u{turn}"))
            self.sent.append(self.requests[-1])
        return self

    def ask(self) -> list[bool]:
        """See `AgentRun.ask`."""
        found = []
        for number, fact in enumerate(self.conversation.facts):
            self._turn(HumanMessage(fact.question, id=f"q{number}"))
            found.append(mentions(self.requests[-1], fact))
        return found

    def _turn(self, message: AnyMessage) -> list[AnyMessage]:
        """The state after a turn that a message starts: calls of the model until it answers."""
        state = [*self._state, message]
        while True:
            state = self._before(state)
            answer = self._call(state)
            state.append(answer)
            if not answer.tool_calls:
                return state
            state += [self._results[str(call["id"])] for call in answer.tool_calls]

    def _before(self, state: list[AnyMessage]) -> list[AnyMessage]:
        """The state as the middlewares leave it before a call of the model."""
        for each in self._middleware:
            update = each.before_model({"messages": state}, self._runtime)
            if update:
                state = add_messages(state, update["messages"])  # type: ignore[assignment,arg-type]
        return state

    def _call(self, state: Sequence[AnyMessage]) -> AIMessage:
        """A call of the model through all middlewares, the first one outermost."""
        handler: Handler = self._model_call
        for each in reversed(self._middleware):
            if type(each).wrap_model_call is not AgentMiddleware.wrap_model_call:
                handler = _wrapped(each, handler)
        request = ModelRequest(
            model=self._model,
            messages=[*state],
            system_message=self._system,
            tools=[*self._tools],
            state={"messages": [*state]},
            runtime=self._runtime,
        )
        (answer,) = handler(request).result
        assert isinstance(answer, AIMessage)
        return answer

    def _model_call(self, request: ModelRequest[Any]) -> ModelResponse[Any]:
        self.requests.append(without_system(request.messages))
        return ModelResponse(result=[self._model.answer(request.messages)])


def _wrapped(middleware: AgentMiddleware[Any, Any, Any], handler: Handler) -> Handler:
    return lambda request: middleware.wrap_model_call(request, handler)
