"""The process of a service: it listens, serves until it is told to stop, and then finishes what it
has in hand."""

import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from optimem.errors import InputError
from optimem.serve.settings import ServeSettings

IDLE = 20
"""Seconds that a connection may be idle between two requests."""
HEAD = 32 * 1024
"""Bytes of a request's line and headers."""
BACKLOG = 2048


def listen(settings: ServeSettings) -> socket.socket:
    """A socket at the settings' host and port. Raises InputError if it cannot be had."""
    try:
        family, *_ = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise InputError(
            f"cannot listen on {settings.host}, port {settings.port}: {error}; choose another with "
            "--host and --port"
        ) from error


def address(listening: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(
    app: ASGIApp,
    settings: ServeSettings,
    listening: socket.socket,
    announce: Callable[[], None],
) -> None:
    """Serve until SIGTERM or Ctrl-C: no new requests are taken then, and those in hand have
    `settings.grace` seconds to be answered. Logs go to standard error. `announce`: called once a
    signal ends it so."""
    _log_to_stderr()
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # the proxy hands on the provider's
        proxy_headers=False,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=round(settings.grace),
        h11_max_incomplete_event_size=HEAD,
    )
    server = uvicorn.Server(config)
    with listening, _heard_signals(server):
        announce()
        server.run(sockets=[listening])


@contextmanager
def _heard_signals(server: uvicorn.Server) -> Iterator[None]:
    """Signals stop the server before it runs too. It raises the one that stopped it once more at
    its end, which would end the process before the memory is closed."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, server.handle_exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_to_stderr() -> None:
    """Our lines, warnings of the server, and nothing of `mcp`, which may quote what was sent."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    levels = {"optimem": logging.INFO, "uvicorn.error": logging.WARNING, "mcp": logging.CRITICAL}
    for name, level in levels.items():
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(level)
