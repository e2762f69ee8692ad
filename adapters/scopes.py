"""Whose memory a request of an agent uses: found from the agent's runtime, or given.

Without a thread and without a scope there is none: nothing may be stored where another's request
could find it. Knows nothing of messages or of what is stored.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from optimem.planning.places import KEY, SUBAGENT, Place
from optimem.turns import Scope

ScopeGiven = str | Scope | Callable[[Any], "str | Scope | None"] | None
UserGiven = str | Callable[[Any], str | None]


def find_place(runtime: Any, scope: ScopeGiven, user: UserGiven, namespace: str) -> Place | None:
    """Where the conversation of a runtime is remembered; None for nowhere."""
    thread = _thread(runtime)
    given = scope(runtime) if callable(scope) else scope
    if given is not None:
        tag = f"{sha256(thread.encode(errors='replace')).hexdigest()[:8]}:" if thread else ""
        return Place(Scope.parse(given), KEY + tag, complete=bool(thread), shared=True)
    if not thread:
        return None
    name = _user(runtime, user)
    found = Scope(session=thread, user=name, namespace=namespace)
    return Place(found, KEY, complete=True, user=bool(name), passing=SUBAGENT in thread)


def _thread(runtime: Any) -> str:
    """The thread's id, for a subagent with the path of the task that runs it; "" for none."""
    info = getattr(runtime, "execution_info", None)
    thread = getattr(info, "thread_id", None)
    if thread is None or thread == "":
        return ""
    tasks = str(getattr(info, "checkpoint_ns", "") or "").split("|")[:-1]
    return SUBAGENT.join([str(thread), *tasks])


def _user(runtime: Any, user: UserGiven) -> str:
    """Whom the runtime's context names; "" for nobody."""
    if callable(user):
        return str(user(runtime) or "")
    context = getattr(runtime, "context", None)
    found = context.get(user) if isinstance(context, Mapping) else getattr(context, user, None)
    return "" if found is None else str(found)
