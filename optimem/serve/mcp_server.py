"""The MCP server: the agent's tools, and pages as resources, over stdio or streamable HTTP.

Over HTTP each request stands alone, so that any process may answer it and nothing hangs at the end.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS
from pydantic import ValidationError
from starlette.routing import BaseRoute, Route

from optimem import __version__
from optimem.api.memory import OpticalMemory
from optimem.errors import OptimemError
from optimem.serve.agent_tools import PAGE, TOOLS, Page, Said, Tool, newest_pages
from optimem.serve.backend import Backend, perform
from optimem.serve.problems import status_of
from optimem.turns import Scope

PATH = "/mcp"
SESSION = "mcp"
"""The session of a service's callers who name none."""
TEMPLATE = PAGE + "{session}/{page}{?turn}"
INSTRUCTIONS = (
    "A long-term memory. Call recall or answer before asking the user for what may have been said "
    "before, and remember for what should outlive this conversation."
)

log = logging.getLogger("optimem.serve")

Context = ServerRequestContext[Any, Any]
Home = Callable[[Context], Scope]
"""The scope of a request that names no session."""


def mcp_server(backend: Backend, home: Home) -> "Server[Any]":
    """An MCP server over a backend."""

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = next((tool for tool in TOOLS if tool.name == params.name), None)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {params.name[:80]!r}")
        try:
            asked = tool.takes.model_validate(params.arguments or {})
            said = await perform(tool.run, backend, _within(home(ctx), asked.session), asked)
        except Exception as error:  # of whatever kind: its message must not reach a log
            return _failed(error)
        return _told(said)

    async def list_tools(
        ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS])

    async def list_resources(
        ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        try:
            pages = await asyncio.to_thread(newest_pages, backend.memory, home(ctx))
        except OptimemError as error:
            raise _refusal(error) from None
        return types.ListResourcesResult(resources=[*map(_resource, pages)])

    async def list_templates(
        ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        page = types.ResourceTemplate(
            name="page", uri_template=TEMPLATE, mime_type="image/png",
            description="A page of the memory as an image, with the lines of a turn boxed.",
        )  # fmt: skip
        return types.ListResourceTemplatesResult(resource_templates=[page])

    async def read_resource(
        ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        try:
            png = await asyncio.to_thread(_page, backend.memory, home(ctx), params.uri)
        except OptimemError as error:
            raise _refusal(error) from None
        blob = base64.b64encode(png).decode()
        contents = types.BlobResourceContents(uri=params.uri, mime_type="image/png", blob=blob)
        return types.ReadResourceResult(contents=[contents])

    return Server(
        "optimem", version=__version__, instructions=INSTRUCTIONS, on_list_tools=list_tools,
        on_call_tool=call_tool, on_list_resources=list_resources,
        on_list_resource_templates=list_templates, on_read_resource=read_resource,
    )  # fmt: skip


async def serve_stdio(backend: Backend, scope: Scope) -> None:
    """Serve one client on standard input and output, until it goes."""
    server = mcp_server(backend, lambda _: scope)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


class McpDoor:
    """The MCP server at `/mcp`. The namespace is the caller's."""

    def __init__(self, backend: Backend, max_body: int) -> None:
        server = mcp_server(backend, _callers_home)
        self._manager = StreamableHTTPSessionManager(
            server, stateless=True, json_response=True, max_request_body_size=max_body
        )

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """See `Door`. A GET would ask for a stream of what the server says of its own accord: it
        says nothing, and the stream would hold a place among the requests in hand."""
        return [Route(PATH, StreamableHTTPASGIApp(self._manager), methods=["POST"])]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """See `Door`."""
        async with self._manager.run():
            yield


def _callers_home(ctx: Context) -> Scope:
    assert ctx.request is not None, "over HTTP there is a request"
    return Scope(session=SESSION, namespace=ctx.request.state.caller.namespace)


def _within(home: Scope, session: str | None) -> Scope:
    if session is None:
        return home
    return Scope(session=session, user=home.user, namespace=home.namespace)


def _page(memory: OpticalMemory, home: Scope, uri: str) -> bytes:
    """The page that a URI names. Raises MCPError for one that names none."""
    path, query = urlsplit(uri)[2:4]
    session, _, page = path.removeprefix("/").partition("/")
    if not (uri.startswith(PAGE) and session and page):
        raise MCPError(INVALID_PARAMS, f"{uri[:80]!r} names no page; write {TEMPLATE}")
    (turn,) = parse_qs(query).get("turn", [None])[:1]
    return memory.page_image(_within(home, unquote(session)), unquote(page), turn=turn)


def _resource(page: Page) -> types.Resource:
    return types.Resource(
        uri=page.link.uri, name=page.link.name, description=page.holds, mime_type="image/png"
    )


def _described(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(
        read_only_hint=tool.read_only,
        destructive_hint=tool.destructive,
        idempotent_hint=tool.idempotent,
        open_world_hint=False,
    )
    schema = tool.takes.model_json_schema()
    schema.pop("description", None)
    return types.Tool(
        name=tool.name, description=tool.description, input_schema=schema, annotations=hints
    )


def _told(said: Said) -> types.CallToolResult:
    links = [
        types.ResourceLink(uri=page.uri, name=page.name, mime_type="image/png")
        for page in said.pages
    ]
    return types.CallToolResult(content=[types.TextContent(text=said.text), *links])


def _failed(error: Exception) -> types.CallToolResult:
    """An error as the model is told it, who may then do better."""
    if not isinstance(error, OptimemError | ValidationError):
        log.error("a tool failed: %s", type(error).__name__)
    text = types.TextContent(text=_message(error))
    return types.CallToolResult(content=[text], is_error=True)


def _refusal(error: OptimemError) -> MCPError:
    code = INVALID_PARAMS if status_of(error) < 500 else INTERNAL_ERROR
    return MCPError(code, _message(error))


def _message(error: Exception) -> str:
    if isinstance(error, ValidationError):
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems)
    if isinstance(error, OptimemError) and status_of(error) < 500:
        return str(error)
    return f"{type(error).__name__}: the memory cannot do this now; whoever runs it has to look"
