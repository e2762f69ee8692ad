"""What encoding a corpus costs on Ray beside local processes, and whether a killed node loses
anything.

    python -m benchmarks.corpus [overhead] [killed] [--documents 2000] [--tier tiny] [--rounds 2]

`overhead` encodes documents of one page by both engines on this machine, each in processes of its
own, by turns, a few documents and then an eighth of `--documents`: what a run costs to start, a
document on top, and all of it, in CPU seconds of all processes that the run started, and on the
clock; of each the least of the rounds. `killed` encodes `--documents` on a Ray cluster of three
nodes, kills one a third of the way, and counts the documents that the shards lack, hold twice, or
hold wrongly; exits with 1 if there are any. Only ratios mean anything on another machine.
"""

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any, NamedTuple

from optimem import Corpus, Tier, encode_corpus
from optimem.corpus.shards import load_manifest, read_index
from optimem.evaluation.tables import markdown_table

MEASURES = ["overhead", "killed"]
ENGINES = ("local", "ray")
FEW = 16
"""Documents of a run that shows what starting costs."""
WORDS = "The staging database listens on another port since Monday; ask Ann before you change it. "
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}


class Cost(NamedTuple):
    """CPU seconds of all processes of a run, and seconds on the clock."""

    cpu: float
    wall: float


def write_documents(folder: Path, count: int) -> dict[str, str]:
    """Documents of one page, all different; what stands in each."""
    texts = {f"{n:06}.txt": f"Document {n}. {WORDS * (n % 40 + 1)}" for n in range(count)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return texts


def run_cost(source: Path, out: Path, engine: str, tier: str) -> Cost:
    """What a run of the command costs, with all that it leaves to be reaped."""
    started, before = time.perf_counter(), _children_cpu()
    command = [sys.executable, "-m", "optimem.cli", "encode-corpus", str(source), str(out)]
    subprocess.run(
        [*command, "--engine", engine, "--tier", tier, "--json"],
        check=True, stdout=subprocess.DEVNULL, env={**os.environ, **VARIABLES},
    )  # fmt: skip
    wall = time.perf_counter() - started
    _reap()
    return Cost(_children_cpu() - before, wall)


def overhead(documents: int, tier: str, rounds: int) -> None:
    """Print what both engines cost, and their ratios."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # Ray's daemons come to us
    few, many = ({engine: Cost(float("inf"), float("inf")) for engine in ENGINES} for _ in range(2))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_documents(folder / "few", FEW)
        write_documents(folder / "many", FEW + documents)
        for round_ in range(rounds):
            for engine in ENGINES:
                for name, least in (("few", few), ("many", many)):
                    cost = run_cost(folder / name, folder / f"{name}{engine}{round_}", engine, tier)
                    least[engine] = Cost(*map(min, cost, least[engine]))
    each = {
        engine: Cost(*((b - a) / documents for a, b in zip(few[engine], many[engine], strict=True)))
        for engine in ENGINES
    }
    shown = {
        f"start, with {FEW} documents": few,
        "a document on top": each,
        f"{FEW + documents} documents": many,
    }
    _print_costs(shown, documents, tier)


def _print_costs(shown: dict[str, dict[str, Cost]], documents: int, tier: str) -> None:
    rows = [
        [name, unit, *(f"{getattr(costs[engine], field):.3f}" for engine in ENGINES),
         f"{getattr(costs['ray'], field) / getattr(costs['local'], field):.2f}"]
        for name, costs in shown.items()
        for unit, field in (("CPU seconds", "cpu"), ("seconds", "wall"))
    ]  # fmt: skip
    print(f"{documents} documents of a page at {tier}, {os.cpu_count()} cores\n")
    print(markdown_table([["", "", *ENGINES, "ray / local"], *rows]))


def killed(documents: int, tier: Tier) -> int:
    """Kill a node mid-way; the number of documents lost, doubled and wrong together."""
    cluster = _cluster()
    gone = list[int]()

    def kill_one(done: int, total: int) -> None:
        if done >= total // 3 and not gone:
            gone.append(done)
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place, "in"), Path(place, "out")
        texts = write_documents(source, documents)
        try:
            report = encode_corpus(
                source, out, engine="ray", address=cluster.address, tier=tier, progress=kill_one
            )
        finally:
            cluster.shutdown()
        shards = [out / shard.name for shard in load_manifest(out).shards]
        held = Counter(entry.id for shard in shards for entry, _ in read_index(shard))
        whole = tier in (Tier.LARGE, Tier.BASE, Tier.SMALL)
        read = dict(Corpus.load(out).read()) if whole else {}
    lost, doubled = len(texts.keys() - held.keys()), sum(count - 1 for count in held.values())
    wrong = sum(text != texts[name] for name, text in read.items())
    print(
        f"{documents} documents at {tier.label}, three nodes, one killed after {gone[0]}: "
        f"{report.encoded} encoded, {lost} lost, {doubled} doubled, {wrong} of {len(read)} read "
        "wrongly"
    )
    return lost + doubled + wrong


def _cluster() -> Any:
    os.environ.update(VARIABLES)
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    for _ in range(2):
        cluster.add_node(**node)
    return cluster


def _children_cpu() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _reap() -> None:
    """Wait for every process that a run left behind."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_RAW)
    parser.add_argument("measures", nargs="*", metavar="measure", help=", ".join(MEASURES))
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--tier", default="tiny", choices=[tier.label for tier in Tier])
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args(arguments)
    for name in (wanted := given.measures or MEASURES):
        if name not in MEASURES:
            parser.error(f"there is no measure {name!r}; choose of {', '.join(MEASURES)}")
    if "overhead" in wanted:
        overhead(max(given.documents // 8, 1), given.tier, given.rounds)
    return int("killed" in wanted and killed(given.documents, Tier.parse(given.tier)) > 0)


_RAW = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    sys.exit(main())
