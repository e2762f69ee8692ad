"""What the inputs of the file commands are: text or images, told by their first bytes, and the
options that belong to either.

Turns as people keep them in files: plain text, chats, JSON lines.

Which memory a command works on: its store, and the models that read its pages and images.
"""

import codecs
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from shutil import copyfileobj
from stat import S_ISDIR, S_ISREG
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from optimem.cli.output import STDIN, read_input
from optimem.errors import InputError
from optimem.model import DEEPSEEK, NANO
from optimem.turns import ROLES

if TYPE_CHECKING:
    from optimem.api.memory import OpticalMemory

HEAD = 4096  # bytes looked at
SIGNATURES = (
    b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF87a", b"GIF89a",
)  # fmt: skip
WEBP = (b"RIFF", b"WEBP")  # the size of the file lies between

mode_option = click.option(
    "--mode", default="base", show_default=True, metavar="MODE",
    help="Of images: tiny, small, base, large, gundam or gundam-m.",
)  # fmt: skip


def refuse(option: str, of: str) -> None:
    """Wrong usage if an option was given, which is of something else."""
    source = click.get_current_context().get_parameter_source(option)
    if source is not ParameterSource.DEFAULT:
        raise click.UsageError(f"--{option} is of {of}; leave it out here")


def images_given(sources: Sequence[str], model: str) -> list[Path]:
    """The images among the inputs: all of them, or none if the input is a text. Raises
    InputError for a mixture, for several texts, and for images that `model` cannot read."""
    images = [Path(s) for s in sources if s != STDIN and is_image(Path(s), model)]
    texts = [source for source in sources if Path(source) not in images]
    if images and texts:
        raise InputError(
            f"{texts[0]} is a text and {images[0]} a image; a file holds one kind, compress "
            "them apart"
        )
    if len(texts) > 1:
        raise InputError(f"{len(texts)} texts were given; compress one at a time")
    if images and model == NANO:
        raise InputError(needs_model(images[0]))
    return images


def is_image(path: Path, model: str | None) -> bool:
    """Whether a file is a image or a PDF. What cannot be told is a text, unless `model` is one
    that reads images: then whatever is no text counts as one. A pipe, which can be read only
    once, is a text."""
    try:
        if not (S_ISREG(mode := path.stat().st_mode) or S_ISDIR(mode)):
            return False
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from error
    if head.startswith(SIGNATURES) or (head[:4], head[8:12]) == WEBP:
        return True
    return model not in (None, NANO) and not _looks_like_text(head)


@contextmanager
def at_rest(source: Path) -> Iterator[Path]:
    """A file to be opened more than once: itself, or a copy of what a pipe gives."""
    if source.is_file():
        yield source
        return
    with source.open("rb") as pipe, NamedTemporaryFile() as copy:
        copyfileobj(pipe, copy)
        copy.flush()
        yield Path(copy.name)


def needs_model(path: Path) -> str:
    """What to say where a image is given without a model that reads it."""
    return (
        f"{path} is a image or holds images, which {NANO} cannot read; give --model "
        f"{DEEPSEEK}, or a folder with it"
    )


def _looks_like_text(head: bytes) -> bool:
    try:
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False


def given_turns(source: str, role: str, form: str | None) -> list[dict[str, Any]]:
    """The turns of a file, or of standard input for "-". `form`: "chat", "jsonl", or None for one
    turn of a `role`."""
    text = read_input(source)
    if not text:
        raise InputError(f"{source} is empty; there is nothing to remember")
    forms = {"chat": chat_turns, "jsonl": jsonl_turns}
    return forms[form](text) if form else [{"text": text, "role": role}]


def chat_turns(text: str) -> list[dict[str, Any]]:
    """Turns of a chat written as `user: …` lines; other lines go on with the turn before."""
    turns: list[dict[str, Any]] = []
    for line in text.splitlines():
        role, colon, said = line.partition(":")
        if colon and role.strip().lower() in ROLES:
            turns.append({"role": role.strip().lower(), "text": said.strip()})
        elif turns:
            turns[-1]["text"] += f"\n{line}"
        elif line.strip():
            raise InputError(f"the chat starts with {line[:40]!r}; write `user: …` lines")
    return turns


def jsonl_turns(text: str) -> list[dict[str, Any]]:
    """Turns of JSON lines with text, role, id and time."""
    turns = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                turns.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise InputError(f"line {number} is no JSON: {error}") from None
    return turns


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
    "images": click.option(
        "--images",
        metavar="NAME",
        help="A DeepSeek-OCR folder or hub name for images and PDFs, if --model is none.",
    ),
}


class Place(NamedTuple):
    """A memory as the command line names it."""

    store: str | None
    model: str = NANO
    images: str | None = None

    @property
    def picture_model(self) -> str:
        """What reads its images and PDFs, if it can."""
        return self.images or self.model

    def open(self) -> "OpticalMemory":
        """The memory itself."""
        from optimem.api.memory import OpticalMemory

        return OpticalMemory.open(self.store, model=self.model, images=self.images)


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
