"""Who gets in: every request passes here before any door.

A caller is known by its key, and reaches one namespace; `request.state.caller` is its `Caller`. Not
asked for a key are paths that tell nothing of any memory.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from optimem.serve.access import Caller
from optimem.serve.limiting import InHand, Rate, bounded
from optimem.serve.problems import RequestError
from optimem.serve.settings import ServeSettings, is_loopback

OPEN = frozenset({"/health", "/ready", "/openapi.json"})
METRICS_PATH = "/metrics"
KEY_HEADER = "x-optimem-key"
"""Takes a key where Authorization is wanted for another, such as that of a proxy's upstream."""
LOCAL = "local"


class Guard:
    """Middleware that lets requests in. `in_hand`: counts those that are."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, in_hand: InHand) -> None:
        self._app, self._settings, self._in_hand = app, settings, in_hand
        self._rate = Rate(settings.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises RequestError for a request that is not let in."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        caller = self._caller(headers, scope["path"])
        self._rate.take(caller.id)
        with self._in_hand.one():
            scope.setdefault("state", {})["caller"] = caller
            limits = (self._settings.max_body, self._settings.patience)
            receive = bounded(receive, headers.get("content-length"), *limits)
            await self._app(scope, receive, send)

    def _caller(self, headers: Headers, path: str) -> Caller:
        if not self._settings.keys:
            check_local(headers)
            return Caller(self._settings.namespace, LOCAL)
        caller = self._settings.keys.caller(given_key(headers))
        if caller is None:
            raise RequestError(
                401, "Unauthorized", "give an access key: Authorization: Bearer KEY, or "
                f"{KEY_HEADER}: KEY", {"WWW-Authenticate": 'Bearer realm="optimem"'},
            )  # fmt: skip
        if caller.namespace is None and path != METRICS_PATH:
            raise RequestError(403, "Forbidden", f"this key is for {METRICS_PATH} alone")
        if caller.namespace is not None and path == METRICS_PATH:
            raise RequestError(
                403, "Forbidden", "metrics are of all namespaces together and need a key of their "
                "own: a line '@metrics KEY' among the access keys",
            )  # fmt: skip
        return caller


def given_key(headers: Headers) -> str:
    """The key of a request: that of `KEY_HEADER`, else the bearer token; empty without any."""
    own = headers.get(KEY_HEADER)
    if own is not None:
        return own.strip()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_local(headers: Headers) -> None:
    """Raises RequestError (403) for a request without keys that a web page may have sent: by
    another name of this machine, or from a page of another."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    origin = headers.get("origin")
    page = origin is not None and not is_loopback(urlsplit(origin).hostname or "")
    if not is_loopback(host) or page:
        raise RequestError(
            403, "Forbidden", "without access keys only programs on this machine may call, by "
            "127.0.0.1 or localhost; set OPTIMEM_ACCESS_KEYS to let others in",
        )  # fmt: skip
