"""What the inputs of the file commands are: text or pictures, told by their first bytes, and the
options that belong to either."""

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from stat import S_ISDIR, S_ISREG
from tempfile import NamedTemporaryFile

import click
from click.core import ParameterSource

from optimem.cli.output import STDIN
from optimem.errors import InputError
from optimem.model_names import DEEPSEEK, NANO

HEAD = 4096  # bytes looked at
SIGNATURES = (
    b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF87a", b"GIF89a",
)  # fmt: skip
WEBP = (b"RIFF", b"WEBP")  # the size of the file lies between

mode_option = click.option(
    "--mode", default="base", show_default=True, metavar="MODE",
    help="Of pictures: tiny, small, base, large, gundam or gundam-m.",
)  # fmt: skip


def refuse(option: str, of: str) -> None:
    """Wrong usage if an option was given, which is of something else."""
    source = click.get_current_context().get_parameter_source(option)
    if source is not ParameterSource.DEFAULT:
        raise click.UsageError(f"--{option} is of {of}; leave it out here")


def pictures_given(sources: Sequence[str], model: str) -> list[Path]:
    """The pictures among the inputs: all of them, or none if the input is a text. Raises
    InputError for a mixture, for several texts, and for pictures that `model` cannot read."""
    pictures = [Path(s) for s in sources if s != STDIN and is_picture(Path(s), model)]
    texts = [source for source in sources if Path(source) not in pictures]
    if pictures and texts:
        raise InputError(
            f"{texts[0]} is a text and {pictures[0]} a picture; a file holds one kind, compress "
            "them apart"
        )
    if len(texts) > 1:
        raise InputError(f"{len(texts)} texts were given; compress one at a time")
    if pictures and model == NANO:
        raise InputError(needs_model(pictures[0]))
    return pictures


def is_picture(path: Path, model: str | None) -> bool:
    """Whether a file is a picture or a PDF. What cannot be told is a text, unless `model` is one
    that reads pictures: then whatever is no text counts as one. A pipe, which can be read only
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
    """What to say where a picture is given without a model that reads it."""
    return (
        f"{path} is a picture or holds pictures, which {NANO} cannot read; give --model "
        f"{DEEPSEEK}, or a folder with it"
    )


def _looks_like_text(head: bytes) -> bool:
    try:
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
