"""The commands for agents that speak MCP: the server itself, and a client's configuration."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimem.cli.answering import LlmOptions, llm_options
from optimem.cli.completion import complete_scope
from optimem.cli.inputs import MemoryOptions, memory_options
from optimem.errors import MissingExtraError
from optimem.model import NANO

if TYPE_CHECKING:
    from optimem.serve.mcp_clients import Edit

SCOPE = "mcp"
scope_option = click.option(
    "--scope", envvar="OPTIMEM_SCOPE", show_envvar=True, default=SCOPE, show_default=True,
    metavar="NAME", help="Whose memory: namespace/user/session.", shell_complete=complete_scope,
)  # fmt: skip


@click.group(
    invoke_without_command=True,
    epilog="\b\nExamples:\n"
    "  optimem mcp install claude-code\n"
    "  optimem mcp --scope work/ann/shop --store notes.db",
)
@scope_option
@llm_options
@memory_options("store", "model", "images", "reader", "embeddings", "policy", "limits")
@click.pass_context
def mcp(context: click.Context, scope: str, answering: LlmOptions, options: MemoryOptions) -> None:
    """Serve a memory to an agent over MCP.

    Speaks the Model Context Protocol on standard input and output, until the client goes: remember,
    recall, answer, forget, export and stats as tools, pages as resources. `optimem serve` has the
    same at /mcp.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        from optimem.serve.backend import Backend
        from optimem.serve.mcp_server import serve_stdio
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name} is not installed; install it: pip install 'optimem[mcp]'"
        ) from error
    from optimem.turns import Scope

    home, llm = Scope.parse(scope), answering.open()
    with options.open(make=True) as memory:
        asyncio.run(serve_stdio(Backend(memory, llm), home))
        memory.leave_pages()


client_argument = click.argument(
    "client", type=click.Choice(["claude-code", "codex", "cursor", "vscode"])
)
project_option = click.option(
    "--project", is_flag=True, help="The configuration in this folder, not that of the user."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@mcp.command(epilog="\b\nExample:\n  optimem mcp install claude-code --scope work/ann/shop")
@client_argument
@scope_option
@llm_options
@memory_options("store", "model", "reader")
@project_option
@yes_option
def install(
    client: str, scope: str, answering: LlmOptions, options: MemoryOptions, project: bool, yes: bool
) -> None:
    """Add optimem to an MCP client's configuration.

    Shows the change first, and asks. Nothing else in the file is touched, and a server of that name
    which starts something else is left alone.
    """
    from optimem.serve import mcp_clients
    from optimem.turns import Scope

    given = ["--scope", str(Scope.parse(scope))]
    if options.store is not None:
        is_file = "://" not in options.store
        given += ["--store", str(Path(options.store).absolute()) if is_file else options.store]
    given += [] if options.model == NANO else ["--model", options.model]
    given += ["--reader", options.reader] if options.reader else []
    given += answering.arguments()
    chosen = mcp_clients.CLIENTS[client]
    path = chosen.path(project, os.environ)
    _make(mcp_clients.install(chosen, path, mcp_clients.entry(chosen, given)), yes)


@mcp.command(epilog="\b\nExample:\n  optimem mcp uninstall claude-code")
@client_argument
@project_option
@yes_option
def uninstall(client: str, project: bool, yes: bool) -> None:
    """Take optimem out of an MCP client's configuration.

    Shows the change first, and asks. A file that holds nothing else is removed. What was remembered
    stays.
    """
    from optimem.serve import mcp_clients

    chosen = mcp_clients.CLIENTS[client]
    _make(mcp_clients.uninstall(chosen, chosen.path(project, os.environ)), yes)


def _make(edit: "Edit", yes: bool) -> None:
    """Show a change, and make it if the user agrees."""
    if not edit:
        click.echo(f"{edit.path} needs no change", err=True)
        return
    click.echo(edit.diff(), nl=False)
    if not yes and not click.confirm("Write this?", err=True):
        click.echo("nothing was changed", err=True)
        return
    edit.make()
    done = "written" if edit.after is not None else "removed"
    click.echo(f"{edit.path} {done}; restart the client", err=True)


COMMANDS = (mcp,)
