"""The commands of the service: `optimem serve`, and keys for those who call it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from optimem.cli.answering import LlmOptions, llm_options
from optimem.cli.inputs import MemoryOptions, memory_options
from optimem.errors import InputError, MissingExtraError
from optimem.memory.settings import parse_size
from optimem.proxy.settings import MODES, UPSTREAMS, ProxySettings, checked_mode

if TYPE_CHECKING:
    from optimem.serve.settings import ServeSettings

F = TypeVar("F", bound=Callable[..., Any])


def _setting(name: str, **options: Any) -> Callable[[F], F]:
    """An option that the environment sets too."""
    variable = "OPTIMEM_" + name.strip("-").replace("-", "_").upper()
    return click.option(name, envvar=variable, show_envvar=True, **options)


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem serve --store notes.db --worker\n"
    "  optimem serve --store notes.db --server http://localhost:8080/v1\n"
    "  optimem serve --host 0.0.0.0 --access-keys keys.txt"
)
@_setting("--host", default="127.0.0.1", show_default=True, metavar="NAME",
          help="Where to listen; other than this machine only with access keys.")  # fmt: skip
@_setting("--port", default=8377, show_default=True, metavar="N", help="0 for any free one.")
@click.option("--access-keys", envvar="OPTIMEM_ACCESS_KEYS_FILE", show_envvar=True, metavar="FILE",
              help="Lines of a namespace and a key, such as `optimem new-access-key` prints; "
              "OPTIMEM_ACCESS_KEYS holds them too.")  # fmt: skip
@_setting("--namespace", default="", metavar="NAME",
          help="What callers reach if there are no access keys.")  # fmt: skip
@_setting("--max-body", default="32MiB", show_default=True, metavar="SIZE",
          help="The largest request.")  # fmt: skip
@_setting("--rate", type=float, metavar="N", show_default="no limit",
          help="Requests a second of each key; twice as many may come at once.")  # fmt: skip
@_setting("--concurrency", default=256, show_default=True, metavar="N",
          help="Requests in hand; more are refused until some are done.")  # fmt: skip
@_setting("--grace", default=20.0, show_default=True, metavar="SECONDS",
          help="What requests in hand have left when the service is stopped.")  # fmt: skip
@_setting("--traces", is_flag=True, help="Make spans for OpenTelemetry.")
@_setting("--proxy", type=click.Choice(MODES),
          help="Also be a proxy to OpenAI and Anthropic, below /proxy; what it does with requests "
          "where neither they nor their access key name a mode.")  # fmt: skip
@_setting("--upstream", multiple=True, metavar="NAME=URL",
          help="Of the proxy: another provider, below /proxy/NAME; give it once for "
          "each.")  # fmt: skip
@_setting("--proxy-deadline", type=float, default=3.0, show_default=True, metavar="SECONDS",
          help="Of the proxy: a request whose plan takes longer goes on as it came.")  # fmt: skip
@_setting("--worker", is_flag=True, help="Let pages fade too, as `optimem worker` does.")
@llm_options
@memory_options("store", "model", "images", "reader", "embeddings", "policy", "limits")
def serve(
    access_keys: str | None, max_body: str, worker: bool, proxy: str | None,
    upstream: tuple[str, ...], proxy_deadline: float, answering: LlmOptions,
    options: MemoryOptions, **given: Any,
) -> None:  # fmt: skip
    """Serve a memory over HTTP.

    /openapi.json describes the interface. Several processes may serve one store. SIGTERM and Ctrl-C
    end it when what is in hand is done. Logs, which hold nothing of what is remembered, go to
    standard error.
    """
    try:
        from optimem.serve.app import create_app
        from optimem.serve.backend import Backend
        from optimem.serve.doors import all_doors
        from optimem.serve.running import address, listen
        from optimem.serve.running import serve as run
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name} is not installed; install it: pip install 'optimem[serve]'"
        ) from error
    settings = _settings(access_keys, max_body=parse_size(max_body), **given)
    behind = _proxy_settings(proxy, upstream, proxy_deadline, settings.max_body)
    if not behind and any(caller.mode for caller in settings.keys.callers.values()):
        raise InputError("an access key has a mode, which is for the proxy; give --proxy MODE, too")
    llm = answering.open()
    listening = listen(settings)
    with listening, options.open(make=True) as memory:
        if worker:
            memory.start_worker()
        app = create_app(memory, settings, all_doors(Backend(memory, llm), settings, behind))
        line = f"optimem serves {address(listening)}; {_who(settings)}"
        run(app, settings, listening, lambda: click.echo(line, err=True))
        memory.leave_pages()
    click.echo("optimem has stopped", err=True)


def _settings(access_keys: str | None, **given: Any) -> "ServeSettings":
    import os

    from optimem.serve.access import AccessKeys, environment_keys
    from optimem.serve.settings import ServeSettings

    keys = AccessKeys.read(Path(access_keys)) if access_keys else environment_keys(os.environ)
    return ServeSettings(keys=keys, **given)


def _proxy_settings(
    mode: str | None, upstream: tuple[str, ...], deadline: float, max_body: int
) -> "ProxySettings | None":
    """Settings of the proxy; None for none. Raises InputError for an upstream that is no
    NAME=URL, or one without a proxy."""
    if mode is None and upstream:
        raise InputError(f"--upstream {upstream[0]} is for the proxy; give --proxy MODE, too")
    if mode is None:
        return None
    named = dict(each.partition("=")[::2] for each in upstream)
    return ProxySettings({**UPSTREAMS, **named}, checked_mode(mode), deadline, max_body)


def _who(settings: "ServeSettings") -> str:
    if settings.keys:
        count = len(settings.keys.callers)
        return f"{count} access key{'s' * (count > 1)}"
    return "no access keys: every program on this machine may read and write"


@click.command(
    "new-access-key",
    epilog="\b\nExamples:\n"
    "  optimem new-access-key work >> keys.txt\n"
    "  optimem new-access-key work --mode image >> keys.txt\n"
    "  optimem new-access-key @metrics",
)
@click.argument("namespace", default="")
@click.option(
    "--hashed",
    is_flag=True,
    help="Print the line with the key's SHA-256, and the key on standard error.",
)
@click.option("--mode", type=click.Choice(MODES),
              help="What the proxy does with requests of this key that name no mode.")  # fmt: skip
def new_access_key(namespace: str, hashed: bool, mode: str | None) -> None:
    """Print a line for the access keys of `optimem serve`.

    Who has the key reaches the memory's NAMESPACE, by default the one without a name, and nothing
    else; with @metrics in its place, /metrics alone.
    """
    from optimem.serve.access import AccessKeys, key_line
    from optimem.serve.access import new_access_key as make

    key = make()
    AccessKeys.parse([key_line(namespace, key, mode)])
    click.echo(key_line(namespace, key, mode, hashed))
    if hashed:
        click.echo(key, err=True)


COMMANDS = (serve, new_access_key)
