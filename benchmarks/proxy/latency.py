"""What the proxy adds to the first byte of a streamed answer: a direct call, the proxy in mode
"off", and the proxy in mode "recall" over a memory with many turns, interleaved in one run.

The provider is on loopback and answers at once. The model that reads pages is the one that ships.
All run in one process, so that its CPU time, less that of a direct call, is the proxy's: on a busy
machine it tells more than the clock.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import NamedTuple
from urllib.parse import urlsplit

import uvicorn

from benchmarks.agents.conversation import KINDS, Kind, make_of_kind
from benchmarks.proxy.requests import CHAT, Dialect, histories
from optimem import OpticalMemory
from optimem.proxy.app import Proxy
from optimem.proxy.asgi import Receive, Scope, Send
from optimem.proxy.settings import ProxySettings

DIALECT = Dialect("gpt-5.1", CHAT)
EVENT = b'data: {"choices": []}\n\n'


class Taken(NamedTuple):
    """Seconds by the clock, and of CPU."""

    clock: float
    cpu: float


def measure_latency(memory: OpticalMemory, remembered: int, calls: int) -> list[list[str]]:
    """Rows of a table: milliseconds to the first byte, and of CPU. `memory`: an empty one.
    `remembered`: turns of the conversation, all of them in the memory; `calls`: of each way."""
    bodies = _bodies(remembered, calls)
    with _served(_answer) as provider:
        settings = ProxySettings(upstreams={"openai": provider}, deadline=60.0)
        with _served(Proxy(memory, settings)) as proxy:
            ways = {
                "direct": (provider, "off"),
                "proxy, off": (f"{proxy}/openai", "off"),
                "proxy, recall": (f"{proxy}/openai", "recall"),
            }
            _first_byte(*ways["proxy, recall"], bodies[0])  # remembers
            for size in memory.scopes():
                memory.flush(size.scope)
            taken = {name: list[Taken]() for name in ways}
            for body in bodies:
                for name, (base, mode) in ways.items():
                    taken[name].append(_first_byte(base, mode, body))
    return _rows(taken)


def _rows(taken: dict[str, list[Taken]]) -> list[list[str]]:
    rows = [["", "median", "99th percentile", "added to direct, median", "CPU added, median"]]
    direct, least = (median(each) for each in zip(*taken["direct"], strict=True))
    for name, calls in taken.items():
        times, cpu = zip(*calls, strict=True)
        last = quantiles(times, n=100)[98]
        shown = (median(times), last, median(times) - direct, median(cpu) - least)
        rows.append([name, *map(_ms, shown)])
    return rows


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _bodies(remembered: int, calls: int) -> list[bytes]:
    """The requests of a conversation's last calls, each with a question of its own."""
    kind: Kind = KINDS["talk"]
    talk = make_of_kind(0, Kind(max(remembered // 2, kind.facts * 5), kind.facts, 0, 0.25))
    *_, (_, messages) = histories(talk, CHAT)
    facts = [talk.facts[number % len(talk.facts)] for number in range(calls)]
    return [
        DIALECT.body([*messages[-remembered:], {"role": "user", "content": f"{n}: {f.question}"}])
        for n, f in enumerate(facts)
    ]


def _first_byte(base: str, mode: str, body: bytes) -> Taken:
    """How long it takes until the first byte of an answer's body."""
    where = urlsplit(base)
    connection = http.client.HTTPConnection(where.netloc)
    headers = {"content-type": "application/json", "x-optimem-mode": mode}
    start, cpu = time.perf_counter(), time.process_time()
    connection.request("POST", f"{where.path}/v1/chat/completions", body, headers)
    response = connection.getresponse()
    response.read(1)
    taken = Taken(time.perf_counter() - start, time.process_time() - cpu)
    response.read()
    connection.close()
    return taken


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    """A provider that streams one event."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": EVENT, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def _served(app: object) -> Iterator[str]:
    """An ASGI application on loopback, in a thread."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
