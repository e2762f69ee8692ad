"""Operations as OpenTelemetry's spans and metrics, and as Prometheus's metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from optimem.errors import MissingExtraError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider
    from prometheus_client import CollectorRegistry

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Upper bounds of the histograms of times."""
_INSTALL = "install it: pip install 'optimem[telemetry]'"


class OpenTelemetryObserver:
    """An `Observer` that makes a span of each operation, with its counts and the type of its error
    as attributes, and records `optimem.operation.duration` (seconds, by operation and error) and
    `optimem.operation.counts` (by operation and kind). `tracers`, `meters`: default OpenTelemetry's
    global ones. Raises MissingExtraError without `opentelemetry-api`."""

    def __init__(
        self, tracers: "TracerProvider | None" = None, meters: "MeterProvider | None" = None
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError as error:
            raise MissingExtraError(f"spans need opentelemetry-api; {_INSTALL}") from error
        self._tracer = trace.get_tracer("optimem", tracer_provider=tracers)
        self._error = trace.Status(trace.StatusCode.ERROR)
        meter = metrics.get_meter("optimem", meter_provider=meters)
        self._duration = meter.create_histogram(
            "optimem.operation.duration", "s", explicit_bucket_boundaries_advisory=SECONDS
        )
        self._counts = meter.create_counter("optimem.operation.counts")

    @contextmanager
    def operation(self, name: str) -> Iterator[dict[str, int]]:
        """See `Observer`."""
        counts: dict[str, int] = {}
        started, labels = time.perf_counter(), {"operation": name}
        with self._tracer.start_as_current_span(
            name,
            record_exception=False,
            set_status_on_exception=False,  # messages may quote
        ) as span:
            try:
                yield counts
            except BaseException as error:
                labels["error.type"] = type(error).__name__
                span.set_attribute("error.type", labels["error.type"])
                span.set_status(self._error)
                raise
            finally:
                for kind, count in counts.items():
                    span.set_attribute(f"optimem.{kind}", count)
                    self._counts.add(max(count, 0), {"operation": name, "kind": kind})
                self._duration.record(time.perf_counter() - started, labels)


class PrometheusObserver:
    """An `Observer` that records the histogram `optimem_operation_seconds` (by operation and type
    of error, empty for none) and the counter `optimem_operation_counts_total` (by operation and
    kind). `registry`: default Prometheus's global one, to which one observer can belong. Raises
    MissingExtraError without `prometheus-client`."""

    def __init__(self, registry: "CollectorRegistry | None" = None) -> None:
        try:
            from prometheus_client import REGISTRY, Counter, Histogram
        except ImportError as error:
            raise MissingExtraError(f"metrics need prometheus-client; {_INSTALL}") from error
        registry = registry or REGISTRY
        self._seconds = Histogram(
            "optimem_operation_seconds", "How long operations took.", ["operation", "error"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._counts = Counter(
            "optimem_operation_counts", "What operations went through.", ["operation", "kind"],
            registry=registry,
        )  # fmt: skip

    @contextmanager
    def operation(self, name: str) -> Iterator[dict[str, int]]:
        """See `Observer`."""
        counts: dict[str, int] = {}
        started, failed = time.perf_counter(), ""
        try:
            yield counts
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            self._seconds.labels(name, failed).observe(time.perf_counter() - started)
            for kind, count in counts.items():
                self._counts.labels(name, kind).inc(max(count, 0))
