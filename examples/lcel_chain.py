"""Show the old messages of an LCEL chain as pages. Runs offline; set AGENT_MODEL to a name that
`init_chat_model` knows and that takes images, such as openai:gpt-4o, to use a real model."""

import os

from langchain.chat_models import init_chat_model
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from optimem.adapters import OptimemPromptCompressor

name = os.environ.get("AGENT_MODEL")
scripted = GenericFakeChatModel(messages=iter([AIMessage("You chose the blue tiles.")]))
model = init_chat_model(name) if name else scripted


def show(messages: list) -> list:
    """Pass the messages on, and print what the model is sent."""
    blocks = [block for message in messages for block in message.content_blocks]
    pages = [block for block in blocks if block["type"] == "image"]
    print(f"The model saw {len(messages)} messages, {len(pages)} pages of older ones in them.")
    return messages


prompt = ChatPromptTemplate(
    [("system", "Answer from the conversation."), ("placeholder", "{history}"), ("human", "{ask}")]
)
chain = prompt | OptimemPromptCompressor(name or "gpt-4o") | RunnableLambda(show) | model

history: list = []
for day in range(40):
    text = f"Day {day}: the tiler came, we compared samples and talked about the hall and the bath."
    history += [HumanMessage(text), AIMessage("Noted. " + text)]
history[20] = HumanMessage("We take the blue tiles, order 4471-B.")
print(chain.invoke({"history": history, "ask": "Which tiles did I choose?"}).text)
