"""Requests to one server: few at a time, tried again while it is busy, and named errors.

An answer that has begun is never asked for again. Knows nothing of what requests and answers mean.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from optimem.errors import InputError, MissingExtraError, ReaderUnavailableError
from optimem.model.vllm.address import KEY_VARIABLE, VllmAddress
from optimem.model.vllm.events import DONE, EventReader, error_of

if TYPE_CHECKING:
    import httpx2

BUSY = (408, 429, 502, 503, 504)
"""Statuses of a server or a gateway that may answer later."""
CONNECT = 10.0
"""Seconds to reach the server."""
LONGEST_PAUSE = 30.0
"""Seconds between two tries, at most."""

_Lines = AsyncIterator[str]


def pause(attempt: int, asked: str | None = None) -> float:
    """Seconds before the next try: half a second, doubled each time, with some chance, so that
    clients do not come back together; or what the server `asked` for."""
    try:
        wanted = float(asked or "")
    except ValueError:
        wanted = 0.5 * 2**attempt * random.uniform(0.75, 1.25)
    return min(max(wanted, 0.0), LONGEST_PAUSE)


class _Begun(NamedTuple):
    """A response, the first line of its body, and the lines after it."""

    response: "httpx2.Response"
    first: str | None
    lines: _Lines


class Connection:
    """A server's connections. `timeout`: seconds without a word from it. `retries`: further tries.
    `concurrency`: most requests at a time. `wait`: how long before which try, see `pause`. Raises
    InputError for settings out of range, and MissingExtraError without httpx2."""

    def __init__(
        self,
        address: VllmAddress,
        *,
        timeout: float,
        retries: int,
        concurrency: int,
        wait: Callable[[int, str | None], float] = pause,
    ) -> None:
        if concurrency < 1 or retries < 0 or not timeout > 0:
            raise InputError(
                f"concurrency {concurrency}, retries {retries} and timeout {timeout} cannot be "
                "used; give at least 1, at least 0, and more than 0"
            )
        self.address, self.retries, self._wait = address, retries, wait
        self._http = _httpx2()
        self._slots = asyncio.Semaphore(concurrency)
        headers = {"Authorization": f"Bearer {address.key}"} if address.key else {}
        self._client: httpx2.AsyncClient = self._http.AsyncClient(
            base_url=address.url,
            headers=headers,
            timeout=self._http.Timeout(timeout, connect=CONNECT),
            limits=self._http.Limits(max_connections=concurrency),
        )

    async def text(self, path: str) -> str:
        """What a GET answers. Raises ReaderUnavailableError and InputError."""
        async with self._opened("GET", path, None) as (response, lines):
            self._check(response, whole := "\n".join([line async for line in lines]))
            return whole

    async def json(self, path: str) -> dict[str, Any]:
        """The object that a GET answers with. Errors as `text`."""
        return self._object(path, await self.text(path))

    async def try_post(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        """Status and body of what a POST answers, whatever that is. Raises
        ReaderUnavailableError if nothing does."""
        async with self._opened("POST", path, body) as (response, lines):
            return response.status_code, "\n".join([line async for line in lines])

    async def events(self, path: str, body: dict[str, Any]) -> AsyncGenerator[str]:
        """The data of the events that a POST is answered with. Errors as `text`;
        ReaderUnavailableError for an answer that breaks off."""
        reader = EventReader()
        async with self._opened("POST", path, body) as (response, lines):
            if response.is_error:
                self._check(response, "\n".join([line async for line in lines]))
            async for line in lines:
                for data in reader.feed(line):
                    if data == DONE:
                        return
                    yield data
        raise ReaderUnavailableError(
            f"{self.address.url} ended an answer before it was complete; ask again"
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _opened(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> "AsyncIterator[tuple[httpx2.Response, _Lines]]":
        """A response that has begun to say something, after as many tries as it needs."""
        content = None if body is None else json.dumps(body).encode()
        async with self._slots:
            response, first, lines = await self._begun(method, path, content)
            try:
                yield response, self._named(first, lines)
            finally:
                await response.aclose()

    async def _begun(self, method: str, path: str, content: bytes | None) -> "_Begun":
        for attempt in range(self.retries):
            asked = None
            try:
                begun = await self._try(method, path, content)
            except self._http.ReadTimeout as error:
                raise self._unavailable(error) from error
            except self._http.TransportError:
                pass
            else:
                if begun.response.status_code not in BUSY:
                    return begun
                asked = begun.response.headers.get("retry-after")
                await begun.response.aclose()
            await asyncio.sleep(self._wait(attempt, asked))
        try:
            return await self._try(method, path, content)
        except self._http.TransportError as error:
            raise self._unavailable(error) from error

    async def _try(self, method: str, path: str, content: bytes | None) -> "_Begun":
        headers = {} if content is None else {"Content-Type": "application/json"}
        request = self._client.build_request(method, path, content=content, headers=headers)
        response = await self._client.send(request, stream=True)
        try:
            lines = response.aiter_lines()
            return _Begun(response, await anext(lines, None), lines)
        except BaseException:
            await response.aclose()
            raise

    async def _named(self, first: str | None, lines: _Lines) -> _Lines:
        """Lines that are left; an error of the connection between them is a named one."""
        if first is None:
            return
        yield first
        try:
            async for line in lines:
                yield line
        except self._http.TransportError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> ReaderUnavailableError:
        kind = type(error).__name__
        told = f"{kind}: {error}" if str(error) else kind
        return ReaderUnavailableError(
            f"{self.address.url} does not answer ({told}); is the server running?"
        )

    def _check(self, response: "httpx2.Response", text: str) -> None:
        """Raise for a response that is none."""
        status = response.status_code
        if status in (401, 403):
            raise InputError(
                f"{self.address.url} does not let us in ({status}); put its key into {KEY_VARIABLE}"
            )
        if response.is_redirect:
            raise InputError(
                f"{self.address.url} sends us on to {response.headers.get('location')!r:.200}; "
                "give that address"
            )
        if 400 <= status < 500 and status not in BUSY and text.lstrip().startswith("<"):
            raise InputError(
                f"{response.url} answers with a page for people ({status}); is it a vLLM server?"
            )
        if status >= 400:
            raise error_of(_told(text), f"{self.address.url} ({status})", status)

    def _object(self, path: str, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise InputError(
                f"{self.address.url}{path} is not JSON ({text!r:.80}); is it a vLLM server?"
            )
        return found


def _told(text: str) -> Any:
    """The error that a body holds."""
    try:
        found = json.loads(text)
    except ValueError:
        return text[:500]
    return found.get("error", found) if isinstance(found, dict) else found


def _httpx2() -> ModuleType:
    try:
        import httpx2
    except ImportError as error:
        raise MissingExtraError(
            "a vLLM server is asked through httpx2: pip install 'optimem[vllm]'"
        ) from error
    return httpx2
