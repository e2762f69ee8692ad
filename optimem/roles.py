"""Who speaks in a turn. Apart from `turns`, so that a command line knows the roles without loading
what checks turns."""

from typing import Literal, get_args

Role = Literal["system", "user", "assistant", "tool", "text"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Who speaks; `text` is a document rather than a turn of a conversation."""
