"""Workers on a cluster of three nodes, one of which is killed mid-way."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optimem import encode_corpus
from optimem.corpus import run
from optimem.errors import FormatError, ReaderUnavailableError
from tests.corpus.test_local import is_running, wait_for
from tests.corpus.workers import (
    DEADLY,
    brisk_codec,
    broken_codec,
    deadly_codec,
    read_all,
    write_texts,
)

DOCUMENTS = 2000
QUICK = {
    "health_check_initial_delay_ms": 500, "health_check_period_ms": 500,
    "health_check_timeout_ms": 500, "health_check_failure_threshold": 4,
}  # fmt: skip
"""A node that is gone is missed within seconds."""
NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes of one core on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_BACKEND_LOG_LEVEL", "fatal")
        patch.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]))
        from ray.cluster_utils import Cluster

        head = NODE | {"include_dashboard": False, "_system_config": QUICK}
        made = Cluster(initialize_head=True, head_node_args=head)
        made.add_node(**NODE)
        made.add_node(**NODE)
        pids = [pid for node in made.list_all_nodes() for _, pid in node.live_processes()]
        pids = [each.pid for each in pids]
        yield made
        made.shutdown()
    wait_for(lambda: not any(map(is_running, pids)))


def test_a_node_that_is_killed_loses_and_doubles_nothing(
    tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, out = write_texts(tmp_path / "in", DOCUMENTS), tmp_path / "out"
    monkeypatch.setattr(run, "SHARD_DOCUMENTS", 300)
    killed = list[int]()

    def kill_one(done: int, total: int) -> None:
        if done >= total // 3 and not killed:
            killed.append(done)
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    report = encode_corpus(
        tmp_path / "in", out, engine="ray", address=cluster.address, codec=brisk_codec,
        progress=kill_one,
    )  # fmt: skip
    assert killed[0] < DOCUMENTS
    assert (report.encoded, report.bad) == (DOCUMENTS, 0)
    read = list(read_all(out))
    assert len(read) == DOCUMENTS
    assert dict(read) == texts


def test_without_a_model_nothing_is_encoded_and_the_reason_is_told(
    tmp_path: Path, cluster: Any
) -> None:
    write_texts(tmp_path / "in", 3)
    with pytest.raises(FormatError, match="weights are broken"):
        encode_corpus(
            tmp_path / "in", tmp_path / "out", engine="ray", address=cluster.address,
            codec=broken_codec,
        )  # fmt: skip


def test_a_document_that_workers_die_of_is_named(tmp_path: Path, cluster: Any) -> None:
    write_texts(tmp_path / "in", 20)
    (tmp_path / "in" / "poison.txt").write_text(DEADLY)
    report = encode_corpus(
        tmp_path / "in", tmp_path / "out", engine="ray", address=cluster.address,
        codec=deadly_codec,
    )  # fmt: skip
    assert (report.encoded, report.bad) == (20, 1)
    assert "died (exit code 9)" in (tmp_path / "out" / "bad.jsonl").read_text()


def test_an_address_where_nobody_answers_is_named(tmp_path: Path) -> None:
    write_texts(tmp_path / "in", 3)
    with pytest.raises(ReaderUnavailableError, match=r"127\.0\.0\.1:1"):
        encode_corpus(
            tmp_path / "in", tmp_path / "out", engine="ray", address="127.0.0.1:1",
            codec=brisk_codec,
        )  # fmt: skip
