"""What a Redis store costs: its pace beside plain SET and GET, its bytes beside other layouts, and
what several workers get done.

    python -m benchmarks.stores [pace] [sizes] [workers] [--turns 1000] [--pages 200]

starts a server of its own and prints, all of the same run: values of the size of pages written and
read by the store and by plain SET and GET, in turns, as a share of the plain pace, where both send
the same keys and bytes through the same client, SET and GET as one pipeline and the store as one
commit or one `get`, with versions, order, due times and "all or nothing" besides; the bytes that
Redis takes for 1,000 chat turns in optimem, on pages of each tier, as plain JSON in a list, and in
the layout of langchain-redis (a hash a message, with its five fields; without its search index,
which needs a module that this server has not); and how many pages 1, 2 and 4 workers fade, as
processes of one thread each. Only ratios mean anything.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import redis

from optimem import OpticalMemory, Scope, Turn
from optimem.memory.decay import DAY
from optimem.protocols import Change
from optimem.store import open_store
from tests.servers import RedisServer

MEASURES = ["pace", "sizes", "workers"]
NOW = 1_700_000_000.0
VALUE, BATCH, ROUNDS = 8_000, 16, 100
"""Bytes of a value, values in a commit, and commits of each kind."""
WORDS = "The staging database listens on another port since Monday; ask Ann before you change it. "
WORKER = """
import sys
from optimem import OpticalMemory, Tier
from optimem.memory.fading.worker import Worker
memory = OpticalMemory.open(sys.argv[1], model=sys.argv[2])
drawn = memory.codec.renderer
memory.codec.encoder.encode([drawn.page(drawn.cells("a"))], Tier.TRACE)  # loads the model
print("ready", flush=True)
sys.stdin.readline()
now = float(sys.argv[3])
done = Worker(memory.store, memory.codec, memory.policy, lambda: now).run(once=True)
print(done.faded, flush=True)
"""


def pace(url: str, client: Any) -> None:
    """Print the store's pace as a share of plain SET and GET of the same bytes: the median over
    the rounds, each of which does all four."""
    store, scope = open_store(url), Scope(session="pace")
    written, read = list[float](), list[float]()
    for number in range(ROUNDS):
        values = {f"page:{number}:{at}": os.urandom(VALUE) for at in range(BATCH)}
        changes = [Change(key, value, 0) for key, value in values.items()]
        keys = [(key,) for key in values]
        plain = _seconds(partial(_pipelined, client, "set", list(values.items())))
        written.append(plain / _seconds(partial(store.commit, scope, changes)))
        plain = _seconds(partial(_pipelined, client, "get", keys))
        read.append(plain / _seconds(partial(store.get, scope, list(values))))
    store.close()
    print(f"{BATCH} values of {VALUE:,} bytes at a time, beside a pipeline of plain commands:")
    print(
        f"  written at {median(written):.0%} of the pace of SET, read at {median(read):.0%} of "
        "that of GET"
    )


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _pipelined(client: Any, command: str, arguments: Sequence[tuple[Any, ...]]) -> None:
    with client.pipeline(transaction=False) as pipeline:
        for each in arguments:
            getattr(pipeline, command)(*each)
        pipeline.execute()


def sizes(url: str, client: Any, turns: int, model: str) -> None:
    """Print the bytes that Redis takes for the same turns in several layouts."""
    said = [
        Turn(text=f"{n}: {WORDS * (n % 4 + 1)}", id=f"m{n}", time=NOW + n) for n in range(turns)
    ]
    text = sum(len(turn.text.encode()) for turn in said)
    print(f"bytes in Redis per 1,000 turns of chat, {1000 * text / turns:,.0f} bytes of text:")

    def report(name: str) -> None:
        used = sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter())
        print(f"  {name}: {1000 * used / turns:,.0f}")

    client.flushall()
    for turn in said:
        client.rpush("chat", json.dumps({"type": "human", "data": turn.model_dump()}))
    report("JSON in a list")
    client.flushall()
    for number, turn in enumerate(said):
        data = json.dumps({"type": "human", "data": turn.model_dump()})
        fields = {"type": "human", "message_id": turn.id, "data": data, "session_id": "chat",
                  "timestamp": turn.time}  # fmt: skip
        client.hset(f"chat:chat:{number}", mapping=fields)
    report("langchain-redis's layout, without its index")
    client.flushall()
    with OpticalMemory.open(url, model=model, clock=lambda: NOW + turns) as memory:
        for start in range(0, turns, 50):
            memory.append("chat", said[start : start + 50])
        memory.flush("chat")
        for days, tier in ((0, "large"), (2, "base"), (8, "small"), (31, "tiny"), (200, "trace")):
            memory.sweep(now=NOW + turns + days * DAY)
            report(f"optimem, {memory.stats('chat').pages} pages faded towards {tier}")


def workers(url: str, client: Any, pages: int, model: str) -> None:
    """Print how long 1, 2 and 4 workers take for as many due pages."""
    print(f"{pages} due pages of as many scopes, {os.cpu_count()} cores:")
    client.flushall()
    with OpticalMemory.open(url, model=model, clock=lambda: NOW) as memory:
        for number in range(pages):
            memory.append(f"s{number}", f"{number} {WORDS * 20}")
            memory.flush(f"s{number}")
    written, alone = {key: client.dump(key) for key in client.scan_iter()}, None
    for count in (1, 2, 4):
        client.flushall()
        for key, value in written.items():
            client.restore(key, 0, value)
        command = [sys.executable, "-c", WORKER, url, model, str(NOW + 2 * DAY)]
        running = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env={**os.environ, "OMP_NUM_THREADS": "1"})
            for _ in range(count)
        ]  # fmt: skip
        for each in running:
            assert each.stdout
            assert each.stdout.readline() == b"ready\n"
        started = time.perf_counter()
        for each in running:
            assert each.stdin
            each.stdin.write(b"go\n")
            each.stdin.flush()
        faded = [int(each.communicate()[0]) for each in running]
        seconds = time.perf_counter() - started
        alone = alone or seconds
        print(f"  {count} workers: {alone / seconds:.2f} × the pace of one; {sum(faded)} faded")


def main(arguments: list[str] | None = None) -> None:
    """Print what is asked for, by default everything."""
    parser = argparse.ArgumentParser(prog="benchmarks.stores")
    parser.add_argument("measures", nargs="*", choices=MEASURES, default=MEASURES)
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--model", default="optimem-nano")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), "--appendonly", "no")
        try:
            with redis.Redis.from_url(server.url) as client:
                if "pace" in options.measures:
                    pace(server.url, client)
                if "sizes" in options.measures:
                    sizes(server.url, client, options.turns, options.model)
                if "workers" in options.measures:
                    workers(server.url, client, options.pages, options.model)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
