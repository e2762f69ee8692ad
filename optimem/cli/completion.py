"""What a shell offers while a command is typed. click completes commands and options; this adds the
names of scopes, and says where a file is wanted. Completion offers what it can find at once,
changes nothing, and never fails.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem


def scope_argument(required: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The argument SCOPE, which a shell completes."""
    return click.argument("scope", required=required, shell_complete=complete_scope)


def complete_scope(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """The scopes of the store that begin like what was typed. A file that is not there is not
    made; a store that cannot be opened has none."""
    from optimem.build import default_store, store_at
    from optimem.errors import OptimemError
    from optimem.turns import RESERVED

    address = context.params.get("store") or default_store()
    if "://" not in address and not Path(address).exists():
        return []
    try:
        scopes = [*store_at(address).scopes()]
    except OptimemError:
        return []
    names = (str(each) for each in scopes if not each.namespace.startswith(RESERVED))
    return sorted(name for name in names if name.startswith(begun))


def complete_file(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """A file, which the shell itself completes."""
    return [CompletionItem(begun, type="file")]


def complete_scope_or_file(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The scopes that begin like what was typed, or a file if there are none."""
    scopes = complete_scope(context, parameter, begun)
    return [*complete_file(context, parameter, begun), *map(CompletionItem, scopes)]
