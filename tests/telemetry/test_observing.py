"""Observers see every operation, store access and model run, and nothing of what is remembered."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from optimem.api.memory import OpticalMemory
from optimem.build import caching
from optimem.errors import InputError
from optimem.memory.decay import DAY
from optimem.protocols import Store
from optimem.store.sealed import SealedStore
from optimem.telemetry import LogObserver, OpenTelemetryObserver, PrometheusObserver, observe
from optimem.telemetry.observing import OPERATIONS, ObservedStore, Observer
from optimem.testing import InMemoryStore, plain_codec

NOW = 1_700_000_000.0
SECRETS = ("zinnia", "quillfeather", "clinic", "miller", "patient", "note-1", "ledger")


def live(observer: Observer) -> None:
    """A memory's life under an observer, an error included."""
    memory = OpticalMemory(InMemoryStore(), caching(plain_codec()), clock=lambda: NOW)
    assert observe(memory, observer) is memory
    scope = "clinic/miller/patient"
    for number in range(4):
        text = f"Quillfeather keeps the zinnia ledger {number}. " * 20
        memory.append(scope, {"id": f"note-{number}", "text": text})
    assert memory.flush(scope) > 0
    memory.sweep(now=NOW + 40 * DAY)
    assert memory.recall(scope, "zinnia")
    assert memory.answer(scope, "where is the ledger of the zinnia?")
    with pytest.raises(InputError, match="note-99"):
        memory.forget(scope, turn="note-99")
    assert memory.forget(scope).left == 0
    memory.close()


def no_content(told: str) -> None:
    assert len(told) > 1000
    for word in SECRETS:
        assert word not in told.lower()


def test_spans_are_nested_and_carry_counts_and_types_of_errors() -> None:
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    live(OpenTelemetryObserver(tracers, MeterProvider([reader])))
    done = spans.get_finished_spans()
    names = {span.context.span_id: span.name for span in done if span.context}
    assert {"optimem.append", "optimem.store.commit", "optimem.model.encode"} <= set(names.values())
    (recall,) = (span for span in done if span.name == "optimem.recall")
    assert recall.attributes
    assert recall.attributes["optimem.results"] == 4
    nested = {(names[s.parent.span_id], s.name) for s in done if s.parent}
    assert ("optimem.recall", "optimem.store.get") in nested
    assert ("optimem.sweep", "optimem.model.read") in nested
    (failed,) = (s for s in done if s.name == "optimem.forget" and not s.status.is_ok)
    assert failed.attributes
    assert failed.attributes["error.type"] == "InputError"
    assert not failed.events
    metrics = reader.get_metrics_data()
    assert metrics
    assert "optimem.operation.duration" in metrics.to_json()
    no_content("".join(span.to_json() for span in done) + metrics.to_json())


def test_prometheus_counts_what_went_through() -> None:
    registry = CollectorRegistry()
    live(PrometheusObserver(registry))
    value = registry.get_sample_value
    added = {"operation": "optimem.append", "kind": "added"}
    assert value("optimem_operation_counts_total", added) == 4
    failed = {"operation": "optimem.forget", "error": "InputError"}
    assert value("optimem_operation_seconds_count", failed) == 1
    read = {"operation": "optimem.model.read", "kind": "pages"}
    assert value("optimem_operation_counts_total", read)
    no_content(generate_latest(registry).decode())


def test_lines_of_json_without_content(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        live(LogObserver())
    lines = [json.loads(r.message) for r in caplog.records if r.name == "optimem.telemetry"]
    assert {line["operation"] for line in lines} > {"optimem.append", "optimem.store.get"}
    failed = [line for line in lines if "error" in line and "store" not in line["operation"]]
    assert [line["error"] for line in failed] == ["InputError"]  # races within a store are settled
    no_content(caplog.text)


def test_only_what_takes_long_or_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        live(LogObserver(logging.getLogger("slow"), least=99.0))
    logged = [json.loads(record.message) for record in caplog.records if record.name == "slow"]
    assert all(line["error"] for line in logged)  # a background page may have met a conflict
    assert [line["operation"] for line in logged if line["error"] == "InputError"] == [
        "optimem.forget"
    ]
    with pytest.raises(InputError, match="least"):
        LogObserver(least=-1.0)


async def test_async_methods_are_observed_once_and_several_may_watch() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    memory = OpticalMemory(InMemoryStore(), plain_codec(), clock=lambda: NOW)
    for registry in (first, second):
        observe(memory, PrometheusObserver(registry))
    await memory.aappend("s", "The zinnia ledger is here.")
    await memory.aanswer("s", "where is the ledger?")
    for registry in (first, second):
        for name in ("append", "aanswer"):
            labels = {"operation": f"optimem.{name}", "error": ""}
            assert registry.get_sample_value("optimem_operation_seconds_count", labels) == 1
    await memory.aclose()


@pytest.mark.parametrize("wrapper", [ObservedStore, SealedStore])
def test_a_wrapper_does_all_that_a_store_does(wrapper: type) -> None:
    methods = {name for name in vars(Store) if not name.startswith("_")}
    assert methods <= set(vars(wrapper))


def test_every_operation_is_a_method_and_no_package_is_loaded_before_it_is_used() -> None:
    assert all(callable(getattr(OpticalMemory, name)) for name in OPERATIONS)
    code = "import sys, optimem.telemetry; print([m for m in sys.modules if m in %r])"
    heavy = ["opentelemetry", "prometheus_client", "torch"]
    done = subprocess.run([sys.executable, "-c", code % heavy], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("word", ["optimem_operation_seconds", "optimem.operation.duration"])
def test_the_docs_name_what_is_measured(word: str) -> None:
    assert word in (Path(__file__).parents[2] / "docs" / "production.md").read_text()
