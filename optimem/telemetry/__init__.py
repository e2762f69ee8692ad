"""What a memory does, as spans, metrics and log lines: `observe(memory, observer)`.

Observers for OpenTelemetry, Prometheus and Python's logging are beside this; each imports its
package when it is made (`pip install 'optimem[telemetry]'`). None ever sees what is remembered.
"""

from optimem.telemetry.logs import LogObserver
from optimem.telemetry.metrics import OpenTelemetryObserver, PrometheusObserver
from optimem.telemetry.observing import Observer, observe

__all__ = ["LogObserver", "Observer", "OpenTelemetryObserver", "PrometheusObserver", "observe"]
