"""Keep a memory on Redis: plain Redis 7.0 is enough. Set REDIS_URL for one that is not local."""

import os

from optimem import OpticalMemory, Turn

url = os.environ.get("REDIS_URL", "redis://localhost:6379")
with OpticalMemory.open(url) as memory:
    turn = Turn(role="user", text="My flight to Lisbon is TP 1217 at 07:05.", id="flight")
    print(memory.append("examples/ann/trip", turn))
    print(memory.recall("examples/ann/trip", "when does the flight leave?")[0].text)
    print(memory.forget("examples/ann/trip"))
