"""Requests as metrics and spans: what is seen of them, and that nothing else is."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from optimem.telemetry.requests import Observers, RequestMetrics, RequestTraces

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "authorization": "Bearer om_secret"}


def test_a_span_belongs_to_the_callers_trace_and_holds_no_header() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = RequestTraces(provider)
    for status, error in ((200, ""), (503, "StoreUnavailableError")):
        with Observers(traces).request("POST", HEADERS) as report:
            report("/v1/recall", status, error)
    good, bad = exporter.get_finished_spans()
    assert good.name == "POST /v1/recall"
    assert f"{good.context.trace_id:032x}" == TRACE
    assert dict(good.attributes or {}) == {
        "http.request.method": "POST", "http.route": "/v1/recall",
        "http.response.status_code": 200,
    }  # fmt: skip
    assert good.status.status_code is StatusCode.UNSET
    assert bad.status.status_code is StatusCode.ERROR
    assert (bad.attributes or {})["error.type"] == "StoreUnavailableError"


def test_requests_are_counted_by_method_route_and_status_and_while_in_hand() -> None:
    metrics = RequestMetrics()
    with metrics.request("BREW", {}) as report:
        assert "optimem_http_requests_in_hand 1.0" in metrics.exposition()[0].decode()
        report("none", 405, "")
    text = metrics.exposition()[0].decode()
    assert "optimem_http_requests_in_hand 0.0" in text
    count = 'optimem_http_request_seconds_count{method="other",route="none",status="405"} 1.0'
    assert count in text


def test_what_fails_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError), Observers(RequestMetrics()).request("GET", {}):
        raise ZeroDivisionError
