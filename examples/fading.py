"""Watch a memory fade under a policy with a floor, except for a pinned turn, and what it costs."""

from optimem import DecayPolicy, OpticalMemory

DAY = 86_400.0
START = 1_760_000_000.0
DIARY = "Day {}: walked to the lighthouse, saw {} gulls, wrote two pages, slept early. "

policy = DecayPolicy(large=1 * DAY, base=3 * DAY, small=10 * DAY, tiny=60 * DAY, floor=0.5)
with OpticalMemory.open(":memory:", policy=policy, clock=lambda: START) as memory:
    for week in range(8):
        days = [DIARY.format(day, day * 7 % 31) for day in range(week * 30, week * 30 + 30)]
        memory.append("diary", {"text": "".join(days), "role": "text", "id": f"week-{week}"})
    memory.flush("diary")
    memory.pin("diary", "week-7")

    for age in (0, 2, 5, 30, 90):
        memory.sweep(now=START + age * DAY)
        stats = memory.stats("diary")
        first = memory.reconstruct("diary", now=START + age * DAY)[0]
        print(f"{age:3} days  {stats.pages_by_tier}  {stats.vision_tokens} vision tokens")
        print(f"          {first.text[:70]}")
