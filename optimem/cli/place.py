"""Which memory a command works on: its store, and the models that read its pages and pictures."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from optimem.model_names import NANO

if TYPE_CHECKING:
    from optimem.memory import OpticalMemory

OPTIONS = {
    "store": click.option(
        "--store",
        envvar="OPTIMEM_STORE",
        metavar="URL",
        help="A file, or redis://… (default: a file in your data folder; also OPTIMEM_STORE).",
    ),
    "model": click.option(
        "--model",
        envvar="OPTIMEM_MODEL",
        default=NANO,
        show_default=True,
        metavar="NAME",
        help="What draws and reads pages: optimem-nano, or a DeepSeek-OCR folder or hub name "
        "(also OPTIMEM_MODEL).",
    ),
    "pictures": click.option(
        "--pictures",
        metavar="NAME",
        help="A DeepSeek-OCR folder or hub name for pictures and PDFs, if --model is none.",
    ),
}


class Place(NamedTuple):
    """A memory as the command line names it."""

    store: str | None
    model: str = NANO
    pictures: str | None = None

    @property
    def picture_model(self) -> str:
        """What reads its pictures and PDFs, if it can."""
        return self.pictures or self.model

    def open(self) -> "OpticalMemory":
        """The memory itself."""
        from optimem.memory import OpticalMemory

        return OpticalMemory.open(self.store, model=self.model, pictures=self.pictures)


def memory_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Those of `OPTIONS` that a command has a use for; it gets them as one `place`."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def placed(*args: Any, **options: Any) -> None:
            place = Place(**{name: options.pop(name) for name in names})
            command(*args, place=place, **options)

        for name in reversed(names):
            placed = OPTIONS[name](placed)
        return placed

    return add
