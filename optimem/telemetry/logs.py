"""Operations as lines of JSON in Python's logging, for any collector of logs."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from optimem.errors import InputError


class LogObserver:
    """An `Observer` that logs each operation as a line of JSON: `operation`, `seconds`, `error`
    (the type's name) if there is one, and the counts. `logger`: by default `optimem.telemetry`, at
    level INFO, errors at WARNING. `least`: seconds under which an operation without an error is
    not logged. Raises InputError for a negative `least`."""

    def __init__(self, logger: logging.Logger | None = None, *, least: float = 0.0) -> None:
        if not least >= 0:
            raise InputError(f"least={least} is not a time; give seconds, 0 to log everything")
        self._logger = logger or logging.getLogger("optimem.telemetry")
        self._least = least

    @contextmanager
    def operation(self, name: str) -> Iterator[dict[str, int]]:
        """See `Observer`."""
        counts: dict[str, int] = {}
        started, failed = time.perf_counter(), {}
        try:
            yield counts
        except BaseException as error:
            failed = {"error": type(error).__name__}
            raise
        finally:
            seconds = round(time.perf_counter() - started, 6)
            if failed or seconds >= self._least:
                line = {"operation": name, "seconds": seconds, **failed, **counts}
                level = logging.WARNING if failed else logging.INFO
                self._logger.log(level, "%s", json.dumps(line))
