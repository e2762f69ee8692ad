"""The benchmark of the proxy, on conversations that are too short to say anything."""

from benchmarks.agents.bill import PROVIDERS
from benchmarks.proxy.__main__ import bill_table
from benchmarks.proxy.bill import jobs, run
from benchmarks.proxy.latency import measure_latency
from benchmarks.proxy.ways import OURS, WAYS
from optimem.testing import open_memory


def test_every_way_is_priced_at_every_provider() -> None:
    found = {job: run(job, turns=10) for job in jobs(["talk"], [0])}
    head, *rows = bill_table(found, ["talk"], [0])
    assert head[2:6] == [provider.model for provider in PROVIDERS]
    assert [row[1] for row in rows] == [*WAYS]
    ours = rows[[*WAYS].index(OURS)]
    assert all(float(cost) > 0 for cost in ours[2:6])
    assert ours[6:] == ["1.000 ×", "100%", "100%", "100%"]  # nothing has left yet


def test_the_time_to_the_first_byte_is_measured_with_and_without_the_proxy() -> None:
    with open_memory() as memory:
        _, direct, off, recall = measure_latency(memory, remembered=20, calls=3)
    assert [row[0] for row in (direct, off, recall)] == ["direct", "proxy, off", "proxy, recall"]
    assert direct[3:] == ["0.0 ms", "0.0 ms"]
    assert float(recall[1].removesuffix(" ms")) > 0
