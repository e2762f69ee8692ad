"""Where a conversation is remembered."""

from dataclasses import dataclass

from optimem.turns import Scope

SUBAGENT = "\n"
"""Between a thread's id and the name of the task in which a subagent runs."""
KEY = "message:"
"""What the ids of turns start with that were messages of an agent."""


@dataclass(frozen=True)
class Place:
    """A scope, and what is known of a conversation in it.

    `key`: what the ids of its turns start with. `complete`: whether the conversation at hand is
    all that there is under that key to be recalled; and, if it `forgets`, all that is to be
    remembered. `shared`: whether the scope may hold more than this conversation. `user`: whether
    the user's other sessions are recalled from, too. `passing`: whether the conversation ends with
    the task in which it runs.
    """

    scope: Scope
    key: str
    complete: bool
    shared: bool = False
    user: bool = False
    passing: bool = False
    forgets: bool = True
