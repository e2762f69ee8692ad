"""What a service keeps under load when it is told to stop, and what the MCP server costs to start.

    python -m benchmarks.service [--clients 200] [--seconds 60] [--rounds 3]

Clients append turns to `optimem serve` on a SQLite file, each request one turn, every tenth
followed by a recall; then it gets SIGTERM, and the file is asked for every turn that was
acknowledged. How long it took to stop is told as a share of its grace. After that `optimem mcp` and
an empty server of the `mcp` package are started in turns: CPU time from the start to the first
answer of a tool, memory while idle, and whether a process is left when the client has closed
standard input, or was killed with `kill -9`.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx

from optimem import OpticalMemory

STARTED = re.compile(r"optimem serves (http://\S+);")
PATIENCE = 60.0
"""Seconds after SIGTERM for which clients and service may go on."""
GRACE = 20.0
"""Seconds that requests in hand have, as `optimem serve` has it by default."""
RECALL_EVERY = 10
SESSION = "load"
TICKS = os.sysconf("SC_CLK_TCK")
EMPTY = """
import asyncio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

async def call(ctx, params):
    return types.CallToolResult(content=[types.TextContent(text="done")])

async def tools(ctx, params):
    tool = types.Tool(name="remember", input_schema={"type": "object"})
    return types.ListToolsResult(tools=[tool])

async def main():
    server = Server("empty", on_list_tools=tools, on_call_tool=call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

asyncio.run(main())
"""
"""The least server that answers a tool."""
CLIENT = """
import json, subprocess, sys, time
pipe = subprocess.PIPE
server = subprocess.Popen(sys.argv[2:], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
for call in json.loads(sys.argv[1]):
    server.stdin.write(json.dumps({"jsonrpc": "2.0", **call}).encode() + b"\\n")
    server.stdin.flush()
    if "id" in call:
        server.stdout.readline()
print(server.pid, flush=True)
time.sleep(600)
"""
"""A client that starts a server, calls a tool and waits."""
CALLS = (
    {"id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    }},
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/call", "params": {
        "name": "remember", "arguments": {"text": "Staging listens on port 8443."},
    }},
)  # fmt: skip


@dataclass
class Load:
    """What became of the requests. `hung`: clients that got no answer and no end either.
    `stopping`: seconds from SIGTERM to the end of the process."""

    acknowledged: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    hung: int = 0
    stopping: float = 0.0


class Start(NamedTuple):
    """A start of a server: CPU seconds to its first answer, bytes resident then, and whether it was
    gone once its client was."""

    cpu: float
    resident: int
    gone: bool


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _print_load(*asyncio.run(serve_and_stop(Path(folder), given.clients, given.seconds)))
        commands = servers(Path(folder)).items()
        ends = {name: ends_with_a_killed_client(command) for name, command in commands}
        _print_starts(starts(Path(folder), given.rounds), ends)


async def serve_and_stop(folder: Path, clients: int, seconds: float) -> tuple[Load, int, int]:
    """The load, the turns acknowledged that the store does not hold, and the exit code."""
    store = folder / "memory.db"
    command = [sys.executable, "-m", "optimem.cli", "serve", "--port", "0", "--store", str(store)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
        address = await _address(folder / "log")
        ended = asyncio.create_task(asyncio.to_thread(_end, process, seconds + 2 * PATIENCE))
        load, asked = await _loaded(process, address, clients, seconds)
        code, end = await ended
        load.stopping = end - asked
    with OpticalMemory.open(store) as memory:
        held = memory.holds(SESSION, load.acknowledged)
    return load, held.count(False), code


def _end(process: "subprocess.Popen[bytes]", patience: float) -> tuple[int, float]:
    """The exit code of a process, and when it ended."""
    return process.wait(patience), time.monotonic()


async def _address(log: Path) -> str:
    """Where the service says that it listens."""
    while not (found := STARTED.search(log.read_text())):
        await asyncio.sleep(0.1)
    return found[1]


async def _loaded(
    process: "subprocess.Popen[bytes]", url: str, clients: int, seconds: float
) -> tuple[Load, float]:
    """What became of the requests, and when the service was told to stop."""
    load = Load()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as http:
        tasks = [asyncio.create_task(_write(http, load, number)) for number in range(clients)]
        await asyncio.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        _, waiting = await asyncio.wait(tasks, timeout=PATIENCE)
        load.hung = len(waiting)
        for task in waiting:
            task.cancel()
    return load, asked


async def _write(http: httpx.AsyncClient, load: Load, client: int) -> None:
    """Append turns until the service goes."""
    number = 0
    while True:
        name = f"{client}-{number}"
        turn = {"id": name, "text": f"Client {client} notes that tide {number} turns at noon."}
        try:
            answer = await http.post("/v1/turns", json={"session": SESSION, "turns": [turn]})
            if number % RECALL_EVERY == 0:
                asked = {"session": SESSION, "query": f"tide {number}", "k": 1}
                load.statuses[str((await http.post("/v1/recall", json=asked)).status_code)] += 1
        except httpx.TransportError:
            load.statuses["connection closed"] += 1
            return
        load.statuses[str(answer.status_code)] += 1
        if answer.status_code == 200:
            load.acknowledged.append(name)
            number += 1


def servers(folder: Path) -> dict[str, list[str]]:
    """What starts each server, by its name."""
    store = str(folder / "mcp.db")
    return {
        "optimem mcp": [sys.executable, "-m", "optimem.cli", "mcp", "--store", store],
        "empty server": [sys.executable, "-c", EMPTY],
    }


def starts(folder: Path, rounds: int) -> dict[str, list[Start]]:
    """Starts of each server by name, in turns, after one that is not counted."""
    commands = servers(folder)
    found: dict[str, list[Start]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start = _start(command)
            if number:
                found[name].append(start)
    return found


def _start(command: Sequence[str]) -> Start:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        for call in CALLS:
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **call}).encode() + b"\n")
            process.stdin.flush()
            if "id" in call:
                answer = json.loads(process.stdout.readline())
                assert answer["id"] == call["id"], answer
        assert not answer["result"].get("isError"), answer
        of = Path(f"/proc/{process.pid}")
        fields = (of / "stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / TICKS
        resident = int((of / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        process.stdin.close()
        try:
            gone = process.wait(PATIENCE) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            gone = False
    return Start(cpu, resident, gone)


def ends_with_a_killed_client(command: Sequence[str]) -> bool:
    """Whether a server is gone soon after its client was killed with `kill -9`."""
    given = [sys.executable, "-c", CLIENT, json.dumps(CALLS), *command]
    with subprocess.Popen(given, stdout=subprocess.PIPE) as client:
        assert client.stdout
        server = Path(f"/proc/{int(client.stdout.readline())}/stat")
        client.kill()
    end = time.monotonic() + PATIENCE
    while _runs(server) and time.monotonic() < end:
        time.sleep(0.05)
    return not _runs(server)


def _runs(stat: Path) -> bool:
    """Whether a process is there, and no zombie that nobody has buried yet."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _print_load(load: Load, lost: int, code: int) -> None:
    print(f"{len(load.acknowledged):,} turns acknowledged; {lost} of them lost, "
          f"{load.hung} clients hung, exit code {code}, "
          f"stopped after {load.stopping / GRACE:.2f} of the grace")  # fmt: skip
    for status, count in sorted(load.statuses.items()):
        print(f"{status:<20}{count:>10,}")


def _print_starts(found: dict[str, list[Start]], ends: dict[str, bool]) -> None:
    least = median(start.cpu for start in found["empty server"])
    heads = f"{'':<16}{'CPU s':>8}{'of empty':>10}{'idle MiB':>10}"
    print(f"{heads}{'left behind':>13}{'by kill -9':>12}")
    for name, each in found.items():
        cpu = median(start.cpu for start in each)
        idle = median(start.resident for start in each) / (1 << 20)
        left = sum(not start.gone for start in each)
        shown = f"{name:<16}{cpu:>8.2f}{cpu / least:>9.2f}×{idle:>10.0f}"
        print(f"{shown}{left:>13}{int(not ends[name]):>12}")


if __name__ == "__main__":
    main()
