"""The operations of the HTTP interface: what each takes, does and gives back. Knows nothing of
requests and of how they are answered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from pydantic import BaseModel

from optimem.errors import InputError
from optimem.reports import AppendReport, ForgetReceipt, MemoryStats, ReceiptCheck
from optimem.results import Answer
from optimem.serve import wire
from optimem.serve.backend import Backend
from optimem.times import as_seconds
from optimem.turns import Scope

EXAMPLE = {"session": "monday", "user": "ann"}
PNG, LINES = "image/png", "application/jsonl"


@dataclass(frozen=True)
class Operation:
    """One operation. `takes`: a query for GET, else a JSON body; path parameters are fields of it
    too. `gives`: a result, or the media type of bytes. `run`: called with the backend, the caller's
    namespace and what was sent; see `backend.perform`. `example`: of what is sent."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    takes: type[BaseModel]
    gives: type[BaseModel] | str
    run: Callable[[Backend, str, Any], Any]
    example: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """One line about it: the first of its docstring."""
        return " ".join((self.run.__doc__ or "").split())


def append(backend: Backend, namespace: str, sent: wire.AppendRequest) -> AppendReport:
    """Remember turns, each once. What is acknowledged is stored. A turn with an id or a time may be
    sent again."""
    scope = _scope(namespace, sent)
    report = backend.memory.append(
        scope, [turn.model_dump(exclude_unset=True) for turn in sent.turns], aged=sent.aged
    )
    if sent.flush:
        backend.memory.flush(scope)
    return report


def recall(backend: Backend, namespace: str, sent: wire.RecallRequest) -> wire.Recollections:
    """Find the turns that match a query."""
    found = backend.memory.recall(
        _scope(namespace, sent), sent.query, sent.k, budget=sent.budget, since=sent.since,
        until=sent.until, preceding=sent.preceding, following=sent.following,
    )  # fmt: skip
    return wire.Recollections(turns=found, unreadable=found.unreadable)


async def answer(backend: Backend, namespace: str, sent: wire.AnswerRequest) -> Answer:
    """Answer a question with a quotation, or by the service's model, or say that it is not
    known."""
    return await backend.answer(
        _scope(namespace, sent), sent.question, k=sent.k, budget=sent.budget, since=sent.since,
        until=sent.until,
    )  # fmt: skip


def reconstruct(backend: Backend, namespace: str, sent: wire.ReconstructQuery) -> wire.Turns:
    """Read all turns of a scope in order."""
    found = backend.memory.reconstruct(_scope(namespace, sent), since=sent.since, until=sent.until)
    return wire.Turns(turns=found, unreadable=found.unreadable)


def page(backend: Backend, namespace: str, sent: wire.PageQuery) -> bytes:
    """Show a page as an image, with the lines of a turn boxed."""
    return backend.memory.page_image(_scope(namespace, sent), sent.page, turn=sent.turn)


def stats(backend: Backend, namespace: str, sent: wire.StatsQuery) -> MemoryStats:
    """Say what a scope holds and costs."""
    return backend.memory.stats(_scope(namespace, sent))


def scopes(backend: Backend, namespace: str, sent: wire.ScopesQuery) -> wire.Scopes:
    """List scopes with what each holds."""
    return wire.Scopes(scopes=backend.memory.scopes(namespace=namespace, user=sent.user))


def forget(backend: Backend, namespace: str, sent: wire.ForgetRequest) -> ForgetReceipt:
    """Forget a scope, a user, one turn or what is old, and give a receipt. Keep it to check it
    later."""
    before = None if sent.before is None else as_seconds(sent.before, "before")
    if sent.session is not None:
        scope = Scope(session=sent.session, user=sent.user, namespace=namespace)
        return backend.memory.forget(scope, turn=sent.turn, before=before)
    if not sent.user or sent.turn is not None:
        raise InputError("name the session to forget, or a user and no turn")
    return backend.memory.forget_user(sent.user, namespace=namespace, before=before)


def check_receipt(backend: Backend, namespace: str, sent: ForgetReceipt) -> ReceiptCheck:
    """Look whether what a receipt says is gone still is."""
    named = [*sent.scopes, *sent.removed]
    if any(Scope.parse(scope).namespace != namespace for scope in named):
        raise InputError("the receipt names scopes that this key does not reach")
    return backend.memory.verify_receipt(sent)


def export(backend: Backend, namespace: str, sent: wire.ExportQuery) -> Iterator[dict[str, Any]]:
    """Export all that is held, as JSON Lines; the last line tells whether all are there."""
    if sent.session is not None:
        named = [Scope(session=sent.session, user=sent.user or "", namespace=namespace)]
    else:
        sizes = backend.memory.scopes(namespace=namespace, user=sent.user)
        named = [Scope.parse(size.scope) for size in sizes]
    lines = backend.memory.export(named, images=sent.images)
    return chain([next(lines)], lines)  # the first, so that what is wrong is known at once


def _scope(namespace: str, sent: wire.InScope) -> Scope:
    return Scope(session=sent.session, user=sent.user, namespace=namespace)


OPERATIONS = (
    Operation(
        "append", "POST", "/v1/turns", wire.AppendRequest, AppendReport, append,
        EXAMPLE | {"turns": [{"text": "Staging listens on port 8443.", "id": "m1"}]},
    ),
    Operation(
        "reconstruct", "GET", "/v1/turns", wire.ReconstructQuery, wire.Turns, reconstruct, EXAMPLE
    ),
    Operation(
        "recall", "POST", "/v1/recall", wire.RecallRequest, wire.Recollections, recall,
        EXAMPLE | {"query": "which port does staging use?", "budget": 500},
    ),
    Operation(
        "answer", "POST", "/v1/answer", wire.AnswerRequest, Answer, answer,
        EXAMPLE | {"question": "Which port does staging use?"},
    ),
    Operation(
        "page", "GET", "/v1/pages/{page}", wire.PageQuery, PNG, page,
        EXAMPLE | {"page": "0123456789abcdef", "turn": "m1"},
    ),
    Operation("stats", "GET", "/v1/stats", wire.StatsQuery, MemoryStats, stats, EXAMPLE),
    Operation(
        "scopes", "GET", "/v1/scopes", wire.ScopesQuery, wire.Scopes, scopes, {"user": "ann"}
    ),
    Operation(
        "forget", "POST", "/v1/forget", wire.ForgetRequest, ForgetReceipt, forget,
        EXAMPLE | {"turn": "m1"},
    ),
    Operation(
        "check_receipt", "POST", "/v1/receipts/check", ForgetReceipt, ReceiptCheck, check_receipt,
        {"scopes": [], "turns": 0, "pages": 0, "entries": 0, "bytes": 0, "left": 0, "residue": []},
    ),
    Operation("export", "GET", "/v1/export", wire.ExportQuery, LINES, export, {"user": "ann"}),
)  # fmt: skip
"""All operations of the interface."""
