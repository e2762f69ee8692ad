"""Which memory a command works on: its store, and the models that read its pages and pictures."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from optimem.memory import OpticalMemory

OPTIONS = (
    click.option(
        "--store",
        envvar="OPTIMEM_STORE",
        metavar="URL",
        help="A file, or redis://… (default: a file in your data folder; also OPTIMEM_STORE).",
    ),
    click.option(
        "--model",
        envvar="OPTIMEM_MODEL",
        default="optimem-nano",
        show_default=True,
        metavar="NAME",
        help="What draws and reads pages: optimem-nano, or a DeepSeek-OCR folder or hub name "
        "(also OPTIMEM_MODEL).",
    ),
    click.option(
        "--pictures",
        metavar="NAME",
        help="A DeepSeek-OCR folder or hub name for pictures and PDFs, if --model is none.",
    ),
)


class Place(NamedTuple):
    """A memory as the command line names it."""

    store: str | None
    model: str
    pictures: str | None

    @property
    def picture_model(self) -> str:
        """What reads its pictures and PDFs, if it can."""
        return self.pictures or self.model

    def open(self) -> "OpticalMemory":
        """The memory itself."""
        from optimem.memory import OpticalMemory

        return OpticalMemory.open(self.store, model=self.model, pictures=self.pictures)


def memory_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name a memory; the command gets them as one `place`."""

    @wraps(command)
    def placed(
        *args: Any, store: str | None, model: str, pictures: str | None, **options: Any
    ) -> None:
        command(*args, place=Place(store, model, pictures), **options)

    for option in reversed(OPTIONS):
        placed = option(placed)
    return placed
