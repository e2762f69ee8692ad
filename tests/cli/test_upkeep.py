"""What `optimem stats` and `sweep` say in words."""

from typing import get_args

from optimem import OpticalMemory
from optimem.cli.upkeep import STAYS, stats_lines
from optimem.reports import Stay
from optimem.testing import plain_codec
from optimem.tiers import Tier

DAY = 86_400.0


def test_stats_say_ages_tiers_and_bytes_that_add_up() -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        memory.append("s", [f"turn {n}: port 6543" for n in range(30)], now=0.0)
        memory.flush("s", now=0.0)
        counts = memory.stats("s")
    shown = "\n".join(stats_lines(counts, "s", now=0.0))
    assert f"s: 30 turns, {counts.pages} pages" in shown
    assert "next due for a sweep: 1970-01-02 00:00, in 1 day" in shown
    assert f"stored: {counts.stored_bytes:,} bytes" in shown
    parts = [line.split()[0] for line in shown.splitlines() if line.startswith("    ")]
    assert sum(int(part.replace(",", "")) for part in parts) == counts.stored_bytes


def test_a_page_at_its_floor_is_named_with_the_reason() -> None:
    codec = plain_codec({Tier.BASE: 9})  # at Base it loses more than the floor allows
    with OpticalMemory.open(":memory:", codec=codec, policy="floor=0.99") as memory:
        memory.append("s", [{"text": "port six " * 40, "id": "m1"}], now=0.0)
        memory.flush("s", now=0.0)
        report = memory.sweep(now=2 * DAY)
    (stay,) = report.stays
    assert (stay.scope, stay.tier, stay.reason) == ("s", "large", "floor")
    assert report.kept == 1
    assert set(STAYS) == set(get_args(Stay.model_fields["reason"].annotation))
