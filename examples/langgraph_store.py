"""Let a LangGraph agent keep facts about its user from one conversation to the next. Runs offline;
set AGENT_MODEL to a name that `init_chat_model` knows, such as openai:gpt-5-mini, to use a real
model, and OPTIMEM_STORE to a file or a redis:// URL to keep the facts."""

import os

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain.tools import ToolRuntime, tool
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from optimem.adapters import OptimemStore

FACTS = ("users", "ann", "facts")


@tool
def keep(topic: str, fact: str, runtime: ToolRuntime) -> str:
    """Keep a fact about the user under a short topic; one per topic."""
    runtime.store.put(FACTS, topic, {"fact": fact})
    return f"Kept under {topic!r}."


@tool
def look_up(question: str, runtime: ToolRuntime) -> str:
    """Look up what is known about the user."""
    hits = runtime.store.search(FACTS, query=question, limit=1)
    return "\n".join(hit.value["fact"] for hit in hits if hit.score) or "Nothing is known."


class Scripted(GenericFakeChatModel):
    """Replies with the messages of a script, tool calls among them."""

    def bind_tools(self, tools: list, **_: object) -> "Scripted":
        return self


def call(name: str, **arguments: str) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": name}])


script = [
    call("keep", topic="desk", fact="Ann's desk is 4.117, by the window."),
    AIMessage("I will remember your desk."),
    call("keep", topic="dog", fact="Ann's dog is called Rex."),
    AIMessage("I will remember Rex."),
    call("look_up", question="Which desk is Ann's?"),
    AIMessage("Your desk is 4.117."),
]
name = os.environ.get("AGENT_MODEL")
model = init_chat_model(name) if name else Scripted(messages=iter(script))

with OptimemStore.open(os.environ.get("OPTIMEM_STORE", ":memory:")) as store:
    agent = create_agent(model, [keep, look_up], store=store)
    for text in ("My desk is 4.117, by the window.", "My dog is Rex.", "Which desk is mine?"):
        messages = agent.invoke({"messages": [("user", text)]})["messages"]  # a new conversation
        print(
            *(f"{message.type:>5}: {message.text}" for message in messages if message.text),
            "",
            sep="\n",
        )
    print([(item.key, item.value) for item in store.search(("users",))])
