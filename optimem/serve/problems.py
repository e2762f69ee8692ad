"""Errors as answers: a status and a `application/problem+json` (RFC 9457) for each named error.

A message may quote what was sent, so it goes to the caller and into no log.
"""

import json
from collections.abc import Mapping

from starlette.responses import Response

from optimem import errors
from optimem.errors import OptimemError

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[OptimemError], int] = {
    errors.OptimemError: 500,
    errors.InputError: 422,
    errors.ChangedTurnError: 409,
    errors.UnknownPageError: 404,
    errors.UnknownScopeError: 404,
    errors.StoreError: 503,
    errors.StoreFullError: 507,
    errors.QuotaError: 403,
    errors.ReaderUnavailableError: 503,
    errors.MissingExtraError: 501,
}
"""The status of an error, and of those below it that have none of their own."""

RETRY_AFTER = 1
"""Seconds after which to try again what was refused for the moment."""


class RequestError(Exception):
    """A request that is refused before it reaches the memory. `title`: what kind of refusal."""

    def __init__(
        self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail
        self.headers = dict(headers or {})


def status_of(error: OptimemError) -> int:
    """The status of an error: its own, or of the nearest class above it."""
    return next(STATUS[each] for each in type(error).__mro__ if each in STATUS)


def problem(error: Exception) -> Response:
    """The answer that says what went wrong. What is not the caller's fault tells only its kind: a
    store's message may name a server, or what belongs to others."""
    if isinstance(error, RequestError):
        return _answer(error.status, error.title, error.detail, error.headers)
    if isinstance(error, OptimemError):
        status = status_of(error)
        retry = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}
        detail = str(error) if status < 500 else _kind(error)
        return _answer(status, type(error).__name__, detail, retry)
    if isinstance(error, TimeoutError):
        retry = {"Retry-After": str(RETRY_AFTER)}
        return _answer(503, "Timeout", "the store took too long; try again", retry)
    return _answer(500, "InternalError", "something went wrong here; the log has its kind", {})


def _kind(error: OptimemError) -> str:
    """What a class of errors means: the first sentence of its docstring."""
    return " ".join((type(error).__doc__ or "").split()).partition(".")[0] + "; the log has more"


def _answer(status: int, title: str, detail: str, headers: Mapping[str, str]) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    text = json.dumps(body)  # ASCII, so that a quoted lone surrogate stays JSON
    return Response(text, status, headers=dict(headers), media_type=MEDIA_TYPE)
