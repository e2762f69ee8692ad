"""What is seen of requests: a line of log, metrics and a span for each; and errors as answers.

Nothing of what a request holds is seen: no path but its route's, no query, no message of an error.
"""

import asyncio
import json
import logging
import re
import secrets
import time
import traceback

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from optimem.errors import (
    OptimemError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
)
from optimem.serve.problems import RequestError, problem, status_of
from optimem.telemetry.requests import RequestObserver

log = logging.getLogger("optimem.serve")

REQUEST_ID = "x-request-id"
PROBES = ("/health", "/ready")
"""Routes of which only failures are worth a line."""
GONE = 499
"""Status in logs and metrics of a request whose client went away."""
OF_THE_STORE = (StoreUnavailableError, StoreLockedError, StoreFullError)
"""Errors whose messages name the store and what it said, and nothing that it holds."""
_SAFE_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class Watch:
    """Middleware around all others."""

    def __init__(self, app: ASGIApp, observer: RequestObserver) -> None:
        self._app, self._observer = app, observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers for every error; raises none but that the task was cancelled."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(scope, send)
        with self._observer.request(seen.method, Headers(scope=scope)) as report:
            try:
                await self._app(scope, receive, seen.send)
            except (ClientDisconnect, asyncio.CancelledError) as error:
                seen.status = GONE
                if isinstance(error, asyncio.CancelledError):
                    raise
            except Exception as error:  # of whatever kind: it must not reach the server's log
                await seen.fail(error, receive)
            finally:
                report(seen.route, seen.status, seen.error)
                seen.log()


class _Seen:
    """One request, as far as it is looked at."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._started, self._sent, self._begun = time.perf_counter(), 0, False
        self.method: str = scope["method"]
        given = Headers(scope=scope).get(REQUEST_ID, "")
        self._id = given if _SAFE_ID.fullmatch(given) else secrets.token_hex(8)
        self.status, self.error = 0, ""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self._begun = message["status"], True
            MutableHeaders(scope=message)[REQUEST_ID] = self._id
        self._sent += len(message.get("body", b""))
        await self._send(message)

    async def fail(self, error: Exception, receive: Receive) -> None:
        """Answer for an error. An answer that has begun is cut off, so that it does not look
        whole."""
        self.error = error.title if isinstance(error, RequestError) else type(error).__name__
        if not isinstance(error, RequestError) and _is_ours(error):
            line = {"id": self._id, "error": self.error, "at": _where(error)}
            said = {"said": str(error)} if isinstance(error, OF_THE_STORE) else {}
            log.error("%s", json.dumps(line | said))
        if not self._begun:
            await problem(error)(self._scope, receive, self.send)

    @property
    def route(self) -> str:
        """The path as it is declared, such as `/v1/pages/{page}`."""
        return getattr(self._scope.get("route"), "path", "") or "none"

    def log(self) -> None:
        caller = self._scope.get("state", {}).get("caller")
        line = {
            "id": self._id, "method": self.method, "route": self.route, "status": self.status,
            "seconds": round(time.perf_counter() - self._started, 6), "sent": self._sent,
            "caller": caller.id if caller else None,
        }  # fmt: skip
        level = logging.DEBUG if self.route in PROBES and self.status < 400 else logging.INFO
        log.log(level, "%s", json.dumps(line | ({"error": self.error} if self.error else {})))


def _is_ours(error: Exception) -> bool:
    """Whether an error is the service's fault, rather than the caller's."""
    return not isinstance(error, OptimemError) or status_of(error) >= 500


def _where(error: Exception) -> list[str]:
    """The innermost calls that led to an error, without what they were given."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
