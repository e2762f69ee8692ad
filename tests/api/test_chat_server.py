"""A language model on an OpenAI-compatible server."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from optimem import ChatServer
from optimem.errors import InputError, ReaderUnavailableError
from optimem.testing import open_memory
from tests.docs.openai_server import ANSWER, openai_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with openai_server() as found:
        yield found


def test_it_replies_sync_and_async_by_name_and_without(url: str) -> None:
    for model in (ChatServer(url, "small"), ChatServer(url)):
        assert model.invoke("Hello?") == ANSWER
        assert asyncio.run(model.ainvoke("Hello?")) == ANSWER


def test_a_memory_answers_through_it(url: str) -> None:
    with open_memory() as memory:
        memory.append("s", "Staging listens on port 6543.")
        answer = memory.answer("s", "Which port does staging use?", ChatServer(url))
        assert (answer.text, answer.source) == ("It is port 6543 [1].", "llm")
        assert asyncio.run(memory.aanswer("s", "Which port does staging use?", ChatServer(url)))


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ReaderUnavailableError, match="does not answer"):
        ChatServer(dead, "small", retries=0).invoke("Hello?")
    with pytest.raises(ReaderUnavailableError, match="does not answer"):
        asyncio.run(ChatServer(dead, retries=0).ainvoke("Hello?"))


@pytest.mark.parametrize("given", [{"url": "localhost:8080"}, {"timeout": 0.0}, {"retries": -1}])
def test_settings_out_of_range_are_named(given: dict[str, object]) -> None:
    with pytest.raises(InputError, match="cannot be used; give such"):
        ChatServer(**{"url": "http://localhost:8080/v1", **given})  # type: ignore[arg-type]
