"""What answers a prompt: a LangChain chat model, or a plain function, told by what it can do.

Imports no framework. What a model raises is not caught here.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from optimem.errors import InputError

ACCEPTED = (
    "give a LangChain chat model (an object whose invoke or ainvoke takes a string and gives "
    "something with text or content) or a function from str to str"
)


class ChatModel(Protocol):
    """The one method of LangChain's chat models that is needed; `ainvoke` is used in async
    code where there is one."""

    def invoke(self, prompt: str, /) -> Any:
        """The reply: a string, or an object with `text` or `content`."""


Llm = ChatModel | Callable[[str], str] | Callable[[str], Awaitable[str]]
"""What `OpticalMemory.answer` takes. An asynchronous function only in `aanswer`."""


def checked_llm(llm: object) -> None:
    """Raise InputError for what cannot be asked: a name, a class, an object of another kind."""
    methods = (getattr(llm, name, None) for name in ("invoke", "ainvoke"))
    if isinstance(llm, type) or not (callable(llm) or any(map(callable, methods))):
        raise InputError(f"{llm!r:.200} is no model that can be asked; {ACCEPTED}")


def replied(llm: Any, prompt: str) -> str:
    """What a model replies. Raises InputError for one that is asynchronous only."""
    ask = getattr(llm, "invoke", None) or (llm if callable(llm) else None)
    reply = ask(prompt) if ask else None
    if inspect.iscoroutine(reply):
        reply.close()  # it would warn that nobody awaited it
    if ask is None or inspect.isawaitable(reply):
        raise InputError(f"{llm!r:.200} is asynchronous; use aanswer, or {ACCEPTED}")
    return reply_text(reply)


async def areplied(llm: Any, prompt: str) -> str:
    """Async twin of `replied`; what is not asynchronous runs in a thread."""
    ask = getattr(llm, "ainvoke", None)
    if ask is None:
        reply = await asyncio.to_thread(getattr(llm, "invoke", llm), prompt)
    else:
        reply = ask(prompt)
    return reply_text(await reply if inspect.isawaitable(reply) else reply)


def reply_text(reply: Any) -> str:
    """The text of a reply: a string, LangChain's `text` (a property since 1.0, a method
    before), or `content`, a string or blocks of which those of text count. Raises InputError
    for anything else."""
    text = reply if isinstance(reply, str) else getattr(reply, "text", None)
    if callable(text) and not isinstance(text, str):
        text = text()
    if text is None:
        text = _content_text(getattr(reply, "content", None))
    if not isinstance(text, str):
        raise InputError(f"the model replied {reply!r:.200}, which holds no text; {ACCEPTED}")
    return str(text)


def _content_text(content: Any) -> str | None:
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    blocks = (block.get("text") if isinstance(block, dict) else block for block in content)
    return "".join(block for block in blocks if isinstance(block, str))
