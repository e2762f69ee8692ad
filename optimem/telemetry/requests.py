"""Requests to a service as Prometheus's metrics and OpenTelemetry's spans.

An observer sees method, route, status, error type and time of a request, and from its headers only
the trace that it belongs to.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from optimem.errors import MissingExtraError
from optimem.telemetry.metrics import SECONDS

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider
    from prometheus_client import CollectorRegistry

Report = Callable[[str, int, str], None]
"""Called once with a request's route, status and type of error (empty for none)."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_INSTALL = "install it: pip install 'optimem[telemetry]'"


class RequestObserver(Protocol):
    """Whoever watches requests."""

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[Report]:
        """Entered when a request comes and left when it is answered."""


class RequestMetrics:
    """A `RequestObserver` that records the histogram `optimem_http_request_seconds` (by method,
    route and status) and the gauge `optimem_http_requests_in_hand` in a Prometheus registry. Raises
    MissingExtraError without `prometheus-client`."""

    def __init__(self, registry: "CollectorRegistry | None" = None) -> None:
        try:
            from prometheus_client import CollectorRegistry, Gauge, Histogram
        except ImportError as error:
            raise MissingExtraError(f"metrics need prometheus-client; {_INSTALL}") from error
        self.registry = registry or CollectorRegistry()
        self._seconds = Histogram(
            "optimem_http_request_seconds", "How long requests took.",
            ["method", "route", "status"], buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self._in_hand = Gauge(
            "optimem_http_requests_in_hand", "Requests in hand.", registry=self.registry
        )

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Report]:
        """See `RequestObserver`."""
        started = time.perf_counter()

        def report(route: str, status: int, error: str) -> None:
            known = method if method in _METHODS else "other"
            taken = time.perf_counter() - started
            self._seconds.labels(known, route, str(status)).observe(taken)

        with self._in_hand.track_inprogress():
            yield report

    def exposition(self) -> tuple[bytes, str]:
        """All metrics of the registry in Prometheus's text format, and its media type."""
        from prometheus_client import generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_LATEST

        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class RequestTraces:
    """A `RequestObserver` that makes a span `optimem.http` of each request, below that of the
    caller if its headers name one (W3C trace context). `tracers`: default OpenTelemetry's global
    ones. Raises MissingExtraError without `opentelemetry-api`."""

    def __init__(self, tracers: "TracerProvider | None" = None) -> None:
        try:
            from opentelemetry import propagate, trace
        except ImportError as error:
            raise MissingExtraError(f"spans need opentelemetry-api; {_INSTALL}") from error
        self._tracer = trace.get_tracer("optimem", tracer_provider=tracers)
        self._kind, self._error = trace.SpanKind.SERVER, trace.Status(trace.StatusCode.ERROR)
        self._extract = propagate.extract

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Report]:
        """See `RequestObserver`."""
        with self._tracer.start_as_current_span(
            "optimem.http", self._extract(headers), self._kind,
            record_exception=False, set_status_on_exception=False,  # messages may quote
        ) as span:  # fmt: skip

            def report(route: str, status: int, error: str) -> None:
                span.update_name(f"{method} {route}")
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                if error:
                    span.set_attribute("error.type", error)
                if status >= 500:
                    span.set_status(self._error)

            yield report


class Observers:
    """Several `RequestObserver`s as one."""

    def __init__(self, *observers: RequestObserver) -> None:
        self._observers = observers

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Report]:
        """See `RequestObserver`."""
        with ExitStack() as stack:
            reports = [
                stack.enter_context(each.request(method, headers)) for each in self._observers
            ]

            def report(route: str, status: int, error: str) -> None:
                for each in reports:
                    each(route, status, error)

            yield report
