"""Scopes for tests of stores, some with names made to break one, and a short way to write."""

from optimem.protocols import Change, Store
from optimem.turns import Scope

HOME = Scope(session="home")
AWAY = Scope(session="home", user="ann", namespace="lab")

HOSTILE = [
    Scope(session="}"),
    Scope(session="{"),
    Scope(session="{}"),
    Scope(session="a:b"),
    Scope(session="b", user="a"),
    Scope(session="b", namespace="a"),
    Scope(session="%7D"),
    Scope(session="%3A"),
    Scope(session=":"),
    Scope(session="a/b\n*?[x]\\"),
    Scope(session="é", user="日本", namespace="👩‍👩‍👧"),
    Scope(session="e\u0301"),
    Scope(session=" "),
]


def put(store: Store, scope: Scope, **dues: float) -> None:
    """Write an entry a name, due at the time given."""
    store.commit(scope, [Change(name, b"v", due=due) for name, due in dues.items()])
