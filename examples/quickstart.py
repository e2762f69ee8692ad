"""Remember, let three weeks pass, and ask."""

from optimem import OpticalMemory

DAY = 86_400

with OpticalMemory.open(":memory:") as memory:
    memory.append("demo", {"role": "user", "text": "Staging's database listens on port 6543."})
    memory.append("demo", {"role": "assistant", "text": "Noted, I will remember that."})
    memory.flush("demo")  # turns wait as text until they fill a page; do not wait

    later = memory.clock() + 20 * DAY
    memory.sweep(now=later)
    for hit in memory.recall("demo", "which port does the database use?", k=1, now=later):
        print(f"{hit.text}  [{hit.tier}, {hit.probability:.0%} sure]")
