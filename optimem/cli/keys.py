"""The commands for the keys of sealed stores."""

import sys

import click

from optimem.cli.inputs import MemoryOptions, confirmed, json_option, memory_options
from optimem.cli.output import print_fields, print_json, progress_bar

NOT_ROTATED = 1
"""Exit code of `rotate-keys` if something is not under the new key."""
UNKNOWN_USER = 1
"""Exit code of `drop-key` if there was no key."""


@click.command(
    "new-key",
    epilog="\b\nExample:\n  optimem new-key > optimem.key && chmod 600 optimem.key",
)
def new_key() -> None:
    """Print a random key that seals a store.

    A store is sealed if OPTIMEM_KEY holds a key, or OPTIMEM_KEY_FILE names a file of keys, when it
    is made. Keep the key apart from the store: without it nothing can be read.
    """
    from optimem.api.keys import new_key as make

    click.echo(make())


@click.command(
    "rotate-keys",
    epilog="\b\nExample:\n  optimem rotate-keys --store notes.db",
)
@memory_options("store")
@json_option
def rotate_keys(options: MemoryOptions, as_json: bool) -> None:
    """Seal a store anew with the first of its keys.

    Others may read and write meanwhile, if they have both keys. Exits with 1 if a record is still
    under another key.
    """
    from optimem.api.keys import rotate_keys as rotate

    with progress_bar("sealing") as bar:
        rotation = rotate(options.store, progress=bar)
    if as_json:
        print_json(rotation.model_dump())
    else:
        print_fields("keys rotated", rotation.model_dump())
    if rotation.left or rotation.unreadable:
        sys.exit(NOT_ROTATED)


@click.command("drop-key", epilog="\b\nExample:\n  optimem drop-key work/ann --yes")
@click.argument("user", metavar="[NAMESPACE/]USER")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def drop_key(user: str, yes: bool) -> None:
    """Drop the key of a user.

    Nothing that was sealed for the user can be read again, in the store or in any copy of it. The
    key is deleted from the folder that OPTIMEM_USER_KEYS names; `optimem forget --user` then
    removes what is left. Exits with 1 if the user has no key.
    """
    from optimem.api.keys import drop_key as drop

    if not yes and not confirmed(f"Drop the key of {user}?"):
        return
    namespace, _, name = user.rpartition("/")
    if not drop(name, namespace):
        click.echo(f"{user} has no key", err=True)
        sys.exit(UNKNOWN_USER)
    click.echo(f"the key of {user} is dropped")


COMMANDS = (new_key, rotate_keys, drop_key)
