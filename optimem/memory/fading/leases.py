"""How a worker keeps time, unless it is told otherwise. Apart from `worker`, so that a command line
shows these defaults without loading the engine."""

LEASE = 60.0
"""Seconds for which a worker claims a batch; a dead worker's is offered again after that."""
IDLE = 10.0
"""Seconds between two looks while nothing is due."""
