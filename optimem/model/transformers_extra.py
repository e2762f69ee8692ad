"""transformers, an extra: imported when a model of it is opened, and kept quiet meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from optimem.errors import MissingExtraError

EXTRA = "transformers"


def import_transformers(what: str) -> Any:
    """The package. Raises MissingExtraError, saying `what` needs it, if it is not installed."""
    try:
        return import_module("transformers")
    except ImportError as error:
        raise MissingExtraError(
            f"{what} needs transformers: pip install 'optimem[{EXTRA}]'"
        ) from error


@contextmanager
def quiet(log: Any) -> Iterator[None]:
    """No bars and no warnings of transformers in a block; what is wrong is raised. `log`: its
    `utils.logging`."""
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
