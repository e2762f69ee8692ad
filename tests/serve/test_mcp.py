"""The MCP server as the `mcp` package's own client sees it: in this process, over streamable HTTP
and over stdio."""

import base64
import json
import os
import sys
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from optimem import OpticalMemory
from optimem.memory.recall.prompting import count_tokens
from optimem.serve import agent_tools
from optimem.serve.backend import Backend
from optimem.serve.mcp_server import McpDoor, mcp_server
from optimem.testing import open_memory
from optimem.turns import Scope
from tests.serve.client import KEYS, SHOP, WORK, application
from tests.serve.client import client as http_client

HOME = Scope.parse("work/ann/shop")
PORT = "Staging listens on port 8443."


@pytest.fixture
def memory() -> OpticalMemory:
    return open_memory()


class Agent:
    """A client that connects anew for each call, within the task that makes it."""

    def __init__(self, memory: OpticalMemory) -> None:
        self._server = mcp_server(Backend(memory), lambda _: HOME)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            async with Client(self._server) as client:
                try:
                    return await getattr(client, name)(*arguments)
                except MCPError as error:
                    refused = error  # raised in there it would come out as a group
            raise refused

        return call


@pytest.fixture
def agent(memory: OpticalMemory) -> Agent:
    return Agent(memory)


async def said(agent: Agent | Client, tool: str, **arguments: Any) -> str:
    """The text of an answer that is not an error."""
    result = await agent.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return str(result.content[0].text)


async def test_tools_say_what_they_change(agent: Agent) -> None:
    tools = {tool.name: tool for tool in (await agent.list_tools()).tools}
    assert set(tools) == {"remember", "recall", "answer", "forget", "export", "stats"}
    hints = {name: tool.annotations for name, tool in tools.items()}
    assert {name for name, hint in hints.items() if hint and hint.read_only_hint} == {
        "recall", "answer", "export", "stats",
    }  # fmt: skip
    assert [name for name, hint in hints.items() if hint and hint.destructive_hint] == ["forget"]
    assert all(tool.description and "\n" not in tool.description for tool in tools.values())


async def test_what_is_remembered_is_recalled_answered_and_forgotten(
    agent: Agent, memory: OpticalMemory
) -> None:
    assert await said(agent, "remember", text=PORT, id="m1") == "remembered"
    assert await said(agent, "remember", text=PORT, id="m1") == "known already"
    assert "[m1]" in await said(agent, "recall", query="which port?")
    assert "8443" in await said(agent, "answer", question="Which port does staging listen on?")
    assert json.loads(await said(agent, "stats"))["turns"] == 1
    assert memory.ids(HOME) == ["m1"]
    receipt = json.loads(await said(agent, "forget", turn="m1"))
    assert (receipt["turns"], receipt["left"]) == (1, 0)
    assert await said(agent, "recall", query="which port?") == "nothing matches"


async def test_another_session_of_the_same_user_can_be_named_and_no_more(
    agent: Agent, memory: OpticalMemory
) -> None:
    await said(agent, "remember", text=PORT, session="other/../x")
    assert len(memory.ids(Scope(session="other/../x", user="ann", namespace="work"))) == 1
    refused = await agent.call_tool("remember", {"text": PORT, "user": "bob"})
    assert refused.is_error


@pytest.mark.parametrize("budget", [200, 300, 1500])
async def test_answers_keep_to_their_budget(agent: Agent, budget: int) -> None:
    for number in range(12):
        await said(agent, "remember", text=f"Note {number} on the port: " + "tide and quay " * 40)
    for tool, asked in (
        ("recall", {"query": "port"}), ("answer", {"question": "port?"}), ("export", {}),
    ):  # fmt: skip
        text = await said(agent, tool, budget=budget, **asked)
        assert count_tokens(text) <= budget
        assert "Note" in text or tool == "answer"


async def test_an_export_goes_on_where_it_stopped(agent: Agent) -> None:
    for number in range(9):
        await said(agent, "remember", text=f"{number} " + "tide " * 30, id=f"n{number}")
    found, after = list[str](), {}
    while True:
        *lines, last = map(
            json.loads, (await said(agent, "export", budget=200, **after)).split("\n")
        )
        found += [line["id"] for line in lines]
        if "end" in last:
            break
        after = {"after": last["next"]}
    assert found == [f"n{number}" for number in range(9)]


async def test_a_recalled_turn_links_its_page(agent: Agent, memory: OpticalMemory) -> None:
    await said(agent, "remember", text=PORT, id="m 1")
    memory.flush(HOME)
    result = await agent.call_tool("recall", {"query": "port"})
    link = result.content[1]
    read = await agent.read_resource(link.uri)
    (contents,) = read.contents
    image = Image.open(BytesIO(base64.b64decode(contents.blob)))
    assert (200, 30, 30) in {colour for _, colour in image.getcolors(1 << 16) or []}
    (template,) = (await agent.list_resource_templates()).resource_templates
    assert template.uri_template.startswith("optimem://page/")
    for wrong in ("optimem://page/shop/none", "file:///etc/passwd", "optimem://page/"):
        with pytest.raises(MCPError):
            await agent.read_resource(wrong)


async def test_the_newest_pages_are_listed(agent: Agent, memory: OpticalMemory) -> None:
    assert (await agent.list_resources()).resources == []
    for name in ("older", "newer", "newest"):
        memory.append(HOME, {"text": f"{PORT} {name}", "id": name, "time": "2026-05-08"})
        memory.flush(HOME)
    memory.append(Scope.parse("work/bob/shop"), PORT)
    memory.flush("work/bob/shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent_tools, "LISTED", 2)
        found = (await agent.list_resources()).resources
    assert len(found) == 2
    assert [page.mime_type for page in found] == ["image/png"] * 2
    assert found[0].description == "1 turn, Friday, 8 May 2026"
    pages = [memory.read(HOME, [name])[0].parts[0].page for name in ("newest", "newer")]
    assert [page.uri.rpartition("/")[2] for page in found] == pages
    (contents,) = (await agent.read_resource(found[0].uri)).contents
    assert Image.open(BytesIO(base64.b64decode(contents.blob))).format == "PNG"


@pytest.mark.parametrize(
    ("tool", "asked", "words"),
    [
        ("recall", {}, "query"),
        ("recall", {"query": "x", "since": "soon"}, "not a time"),
        ("recall", {"query": "x", "budget": 1}, "budget"),
        ("forget", {}, "give the id"),
        ("forget", {"turn": "none"}, "holds no turn"),
        ("export", {"after": "none"}, "begin again"),
        ("remember", {"text": "a", "session": "\0"}, "NUL"),
    ],
)
async def test_a_wrong_call_is_told_what_to_do(
    agent: Agent, tool: str, asked: dict[str, Any], words: str
) -> None:
    result = await agent.call_tool(tool, asked)
    assert result.is_error
    assert words in result.content[0].text


async def test_over_http_each_key_has_its_namespace(memory: OpticalMemory) -> None:
    app = application(memory, [McpDoor(Backend(memory), 1 << 20)], keys=KEYS)
    async with app.router.lifespan_context(app):

        async def ask(key: str | None, tool: str, **asked: Any) -> str:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            transport = httpx2.ASGITransport(app=app)
            async with (
                httpx2.AsyncClient(transport=transport, headers=headers) as http,
                Client(streamable_http_client("http://127.0.0.1/mcp", http_client=http)) as agent,
            ):
                return await said(agent, tool, **asked)

        await ask(WORK, "remember", text=PORT)
        assert "8443" in await ask(WORK, "recall", query="port")
        assert await ask(SHOP, "recall", query="port") == "nothing matches"
        with pytest.raises(BaseException):  # noqa: B017, PT011  a group of what the client makes of 401
            await ask(None, "stats")
    assert len(memory.ids("work//mcp")) == 1


async def test_over_http_no_stream_is_kept_open(memory: OpticalMemory) -> None:
    """It would hold a place among the requests in hand, and the service from stopping."""
    async with http_client(memory, [McpDoor(Backend(memory), 1 << 20)]) as http:
        for method in ("GET", "DELETE"):
            answer = await http.request(method, "/mcp", headers={"Accept": "text/event-stream"})
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"jsonrpc": "2.0"}',
        b'{"jsonrpc": "2.0", "id": {}, "method": 5, "params": []}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "recall"}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "recall", '
        b'"arguments": {"query": "\\ud800"}}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "\\u0000"}}',
    ],
)  # fmt: skip
async def test_over_http_what_is_malformed_is_no_error_of_ours(
    memory: OpticalMemory, sent: bytes
) -> None:
    async with http_client(memory, [McpDoor(Backend(memory), 1 << 20)]) as http:
        headers = {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        }  # fmt: skip
        answer = await http.post("/mcp", content=sent, headers=headers)
        assert answer.status_code < 500
        good = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        assert (await http.post("/mcp", json=good, headers=headers)).status_code == 200


async def test_over_stdio_a_client_is_served_until_it_goes(tmp_path: Path) -> None:
    store = tmp_path / "memory.db"
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "optimem.cli", "mcp", "--scope", "work/ann/shop", "--store", str(store)],
        env=dict(os.environ),
    )
    async with Client(parameters) as agent:
        assert await said(agent, "remember", text=PORT) == "remembered"
        assert "8443" in await said(agent, "answer", question="Which port?")
    with OpticalMemory.open(store) as memory:
        assert len(memory.ids(HOME)) == 1
