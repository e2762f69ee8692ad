"""Give a LangChain agent a memory for long conversations. Runs offline; set AGENT_MODEL to a name
that `init_chat_model` knows, such as openai:gpt-5-mini, to use a real model."""

import os

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware, create_recall_tool

name = os.environ.get("AGENT_MODEL")
scripted = GenericFakeChatModel(messages=(AIMessage(f"Answer {i}.") for i in range(1000)))
model = init_chat_model(name) if name else scripted

with OpticalMemory.open(":memory:") as memory:
    # From ten messages on, only the last four are sent; the others are remembered.
    middleware = OptimemMiddleware(
        memory, scope="demo", trigger=("messages", 10), keep=("messages", 4)
    )
    agent = create_agent(model, middleware=[middleware])
    messages: list = []
    for turn in range(12):
        text = "The vault code is 7261-QX." if turn == 1 else f"Tell me about day {turn}."
        messages = agent.invoke({"messages": [*messages, ("user", text)]})["messages"]
    print(f"{len(messages)} messages in the state, {memory.stats('demo').turns} in the memory")
    print(create_recall_tool(memory, "demo", k=1).invoke({"query": "What is the vault code?"}))
