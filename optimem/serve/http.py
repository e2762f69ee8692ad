"""The HTTP door: the operations as routes, and the document that describes them.

A request is checked and written out in a thread, so that none waits for another.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from optimem.serve.backend import Backend, perform
from optimem.serve.openapi import document
from optimem.serve.operations import OPERATIONS, Operation
from optimem.serve.problems import RequestError

JSON = "application/json"
CHUNK = 64 * 1024
"""Bytes of an export that are sent at a time."""
UNREADABLE_JSON = {"json_invalid", "string_unicode"}


class HttpDoor:
    """The HTTP interface to a memory, below `/v1`, and `/openapi.json`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """See `Door`."""
        described = document(OPERATIONS)

        async def openapi(request: Request) -> Response:
            return JSONResponse(described)

        operations = (
            Route(each.path, self._handler(each), methods=[each.method], name=each.name)
            for each in OPERATIONS
        )
        return [Route("/openapi.json", openapi), *operations]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """See `Door`."""
        yield

    def _handler(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            body = await _body(request) if operation.method == "POST" else b""
            namespace: str = request.state.caller.namespace
            sent = await asyncio.to_thread(_sent, operation, request, body)
            given = await perform(operation.run, self._backend, namespace, sent)
            return await asyncio.to_thread(_answer, operation, given)

        return handle


async def _body(request: Request) -> bytes:
    """A body of JSON. Raises RequestError (415) for another: web pages can send some unasked."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != JSON:
        raise RequestError(415, "UnsupportedMediaType", f"send {JSON}, not {given[:80]!r}")
    return await request.body()


def _sent(operation: Operation, request: Request, body: bytes) -> BaseModel:
    """What was sent, checked. Raises RequestError: 400 for what is not JSON, 422 for what is not
    what the operation takes."""
    try:
        if operation.method == "POST":
            return operation.takes.model_validate_json(body)
        query = request.query_params.multi_items()
        if len({name for name, _ in query} | set(request.path_params)) < len(query):
            raise RequestError(422, "InvalidRequest", "a parameter was given twice; give it once")
        return operation.takes.model_validate({**dict(query), **request.path_params})
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        malformed = any(each["type"] in UNREADABLE_JSON for each in problems)
        status, title = (400, "MalformedJson") if malformed else (422, "InvalidRequest")
        raise RequestError(status, title, "; ".join(map(_said, problems[:10]))) from None


def _said(problem: Any) -> str:
    """One of pydantic's errors, such as "turns.0.text: field required"."""
    message = problem["msg"]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {message[:1].lower()}{message[1:]}" if place else message


def _answer(operation: Operation, given: Any) -> Response:
    """What an operation gives, as a response."""
    if isinstance(given, BaseModel):
        return Response(given.model_dump_json(), media_type=JSON)
    media_type = str(operation.gives)
    if isinstance(given, bytes):
        return Response(given, media_type=media_type)
    return StreamingResponse(written(given), media_type=media_type)


def written(lines: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """JSON as bytes of lines, several at a time."""
    waiting = bytearray()
    for line in lines:
        waiting += json.dumps(line).encode() + b"\n"
        if len(waiting) >= CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)
