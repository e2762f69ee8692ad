"""What commands are given: files of text, turns or images, and the options that several share.

Text and images are told apart by the first bytes of a file. What is done with them is the
business of the commands.
"""

import codecs
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from shutil import copyfileobj
from stat import S_ISDIR, S_ISREG
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click
from click.core import ParameterSource

from optimem.cli.completion import complete_file
from optimem.errors import InputError
from optimem.model import DEEPSEEK, NANO
from optimem.omem.atomic import temporary_room
from optimem.roles import ROLES
from optimem.text.files import decode_text, holds_images
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.api.memory import OpticalMemory

STDIN = "-"
HEAD = 4096  # bytes of a file that decide whether it is text

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
raw_option = click.option(
    "--raw", is_flag=True,
    help="Show the likeliest character where one is doubtful, without any mark.",
)  # fmt: skip
tier_option = click.option(
    "--tier", default=Tier.SMALL.label, show_default=True,
    type=click.Choice([tier.label for tier in reversed(Tier)], case_sensitive=False),
    help="Resolution of the pages: a smaller tier has fewer vision tokens; text comes back to the "
    "letter down to Small, at Tiny its values and code, at Trace the gist.",
)  # fmt: skip
mode_option = click.option(
    "--mode", default="base", show_default=True, metavar="MODE",
    help="For images: tiny, small, base, large, gundam or gundam-m.",
)  # fmt: skip
now_option = click.option(
    "--now", metavar="TIME",
    callback=lambda context, parameter, text: None if text is None else parse_time(text),
    help="An ISO date or epoch seconds, in place of the current time.",
)  # fmt: skip


def parse_time(text: str) -> float:
    """Epoch seconds of an ISO date, in UTC unless it has an offset, or of a number."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is not a time; write 2026-11-21 or epoch seconds") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class MemoryOptions(NamedTuple):
    """The memory that a command works on: its store, and the models of its pages and images."""

    store: str | None
    model: str = NANO
    images: str | None = None
    policy: str | None = None
    limits: str | None = None
    embeddings: str | None = None
    reader: str | None = None

    @property
    def image_model(self) -> str:
        """The model for images and PDFs, which may be one that cannot read them."""
        return self.images or self.model

    def open(self, make: bool = False) -> "OpticalMemory":
        """Open the memory. `make`: its file too if it is not there, for commands that write turns;
        for the others, a mistyped path is an InputError."""
        from optimem import build
        from optimem.api.memory import OpticalMemory

        if not make:
            build.check_store(self.store)
        return OpticalMemory.open(
            self.store,
            model=self.model,
            images=self.images,
            reader=self.reader,
            policy=self.policy,
            limits=self.limits,
            embeddings=self.embeddings,
        )


MEMORY_OPTIONS = {
    "store": click.option(
        "--store", envvar="OPTIMEM_STORE", show_envvar=True, metavar="URL",
        show_default="a file in your data folder", help="A file, or redis://…",
        shell_complete=complete_file,
    ),
    "model": click.option(
        "--model", envvar="OPTIMEM_MODEL", show_envvar=True, default=NANO, show_default=True,
        metavar="NAME",
        help="What draws and reads the pages: optimem-nano, or a DeepSeek-OCR folder or hub name.",
    ),
    "images": click.option(
        "--images", metavar="NAME",
        help="A DeepSeek-OCR folder or hub name that reads images and PDFs, if --model cannot.",
    ),
    "reader": click.option(
        "--reader", envvar="OPTIMEM_READER", show_envvar=True, metavar="URL",
        help="A vLLM server of the DeepSeek-OCR model, such as vllm+http://host:8000: it reads and "
        "answers from stored pages and images. optimem-nano's pages need none.",
    ),
    "embeddings": click.option(
        "--embeddings", envvar="OPTIMEM_EMBEDDINGS", show_envvar=True, metavar="NAME",
        help="What embeds turns, to find them by meaning too: minilm (extra `embeddings`), or "
        "MODULE:NAME of a class or object with embed_documents and embed_query, or a function.",
    ),
    "policy": click.option(
        "--policy", envvar="OPTIMEM_POLICY", show_envvar=True, metavar="SETTINGS",
        show_default="large=1d,base=7d,small=30d,tiny=180d,forget_after=never,floor=0.9",
        help="When pages fade: the age at which they leave each tier, and the least accuracy.",
    ),
    "limits": click.option(
        "--limits", envvar="OPTIMEM_LIMITS", show_envvar=True, metavar="SETTINGS",
        show_default="bytes=1GiB,full=refuse",
        help="The most that a scope (turns, pages, bytes) and a user (user_turns, user_pages, "
        "user_bytes) may hold, and what happens then (full: refuse, fade or drop).",
    ),
}  # fmt: skip


def memory_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add those of `MEMORY_OPTIONS` that a command uses; it gets them as `options`."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def wrapped(*args: Any, **given: Any) -> None:
            options = MemoryOptions(**{name: given.pop(name) for name in names})
            command(*args, options=options, **given)

        for name in reversed(names):
            wrapped = MEMORY_OPTIONS[name](wrapped)
        return wrapped

    return add


def confirmed(question: str) -> bool:
    """Whether the user types yes to what cannot be undone; if not, says that nothing was changed.
    No answer at all aborts."""
    if click.confirm(f"{question} This cannot be undone", err=True):
        return True
    click.echo("nothing was changed", err=True)
    return False


def announce_stdin() -> None:
    """Say on standard error that input is waited for, if somebody is to type it."""
    if sys.stdin.isatty():
        click.echo("reading from the terminal; end with Ctrl-D", err=True)


def reject_option(name: str, purpose: str) -> None:
    """Raise a usage error if an option was typed that does not apply; the environment may hold it
    for other commands. `purpose`: what it is for."""
    source = click.get_current_context().get_parameter_source(name)
    if source is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--{name} is for {purpose}; leave it out here")


def read_input(source: str) -> str:
    """The text of a file, or of standard input for "-". Raises TextError, naming the byte, for
    what is not UTF-8."""
    if source == STDIN:
        announce_stdin()
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise click.BadParameter(f"{source}: {error.strerror}") from error
    name = "standard input" if source == STDIN else source
    return decode_text(data, name, "for an image or a PDF name a model that reads it")


def read_lines(source: str, remedy: str) -> Iterator[str]:
    """The lines of a file, or of standard input for "-", one at a time. Raises TextError, naming
    the line and the byte, for what is not UTF-8."""
    if source == STDIN:
        announce_stdin()
    try:
        file = click.open_file(source, "rb")
    except OSError as error:
        raise click.BadParameter(f"{source}: {error.strerror}") from error
    with file:
        for number, line in enumerate(file, 1):
            yield decode_text(line, f"line {number}", remedy)


def read_turns(
    source: str, role: str, form: str | None, speakers: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The turns in a file, or in standard input for "-". `form`: "chat", "jsonl", or None for a
    single turn of `role`. `speakers`: see `parse_chat`."""
    text = read_input(source)
    if not text:
        raise InputError(f"{source} is empty; there is nothing to remember")
    if form == "chat":
        return parse_chat(text, speakers)
    return parse_jsonl(text) if form else [{"text": text, "role": role}]


def parse_chat(text: str, speakers: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The turns of a chat in `user: …` lines; other lines continue the turn before. `speakers`:
    names that start turns as roles do, each with its role; case does not matter."""
    known: dict[str, dict[str, str]] = {role: {"role": role} for role in ROLES}
    for name, role in (speakers or {}).items():
        known[name.casefold()] = {"role": role, "name": name}
    turns: list[dict[str, Any]] = []
    for line in text.splitlines():
        speaker, colon, rest = line.partition(":")
        if colon and (said := known.get(speaker.strip().casefold())):
            turns.append({**said, "text": rest.strip()})
        elif turns:
            turns[-1]["text"] += f"\n{line}"
        elif line.strip():
            raise InputError(
                f"the chat starts with {line[:40]!r}; write `user: …` lines, or name who speaks "
                "with --speaker"
            )
    return turns


def parse_speakers(given: Sequence[str]) -> dict[str, str]:
    """Names with their roles from `NAME` or `NAME=ROLE`; "user" by default. Raises InputError for
    a role that is none, and for a name that is empty or holds a colon."""
    speakers = dict[str, str]()
    for each in given:
        name, _, role = each.partition("=")
        name, role = name.strip(), role.strip().lower() or "user"
        if not name or ":" in name or role not in ROLES:
            raise InputError(
                f"{each!r} does not name a speaker; write NAME or NAME=ROLE, such as "
                f"Ann or Bot=assistant, with one of the roles {', '.join(ROLES)}"
            )
        speakers[name] = role
    return speakers


def parse_jsonl(text: str) -> list[dict[str, Any]]:
    """The turns of JSON lines: text, role, id and time."""
    turns = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                turns.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise InputError(f"line {number} is not JSON: {error}") from None
    return turns


def image_paths(sources: Sequence[str], model: str) -> list[Path]:
    """The sources as images; none if they are texts. Raises InputError for a mixture, and for
    images that `model` cannot read."""
    images = [Path(s) for s in sources if s != STDIN and is_image(Path(s), model)]
    texts = [source for source in sources if Path(source) not in images]
    if images and texts:
        raise InputError(
            f"{texts[0]} is text and {images[0]} an image; a file holds only one of these, so "
            "compress them separately"
        )
    if images and model == NANO:
        raise InputError(image_model_message(images[0]))
    return images


def is_image(path: Path, model: str | None) -> bool:
    """Whether a file is an image or a PDF. One of an unknown type is text, unless `model` reads
    images: then it is an image if it is not text. A pipe, which can be read only once, is text."""
    try:
        if not (S_ISREG(mode := path.stat().st_mode) or S_ISDIR(mode)):
            return False
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from error
    if holds_images(head):
        return True
    return model not in (None, NANO) and not _looks_like_text(head)


def _looks_like_text(head: bytes) -> bool:
    try:
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False


def image_model_message(path: Path | str) -> str:
    """The error for an image without a model that reads it."""
    return (
        f"{path} is or holds images, which {NANO} cannot read; give --model {DEEPSEEK}, or its "
        "folder"
    )


@contextmanager
def seekable(source: Path) -> Iterator[Path]:
    """A file that can be opened more than once: itself, or a copy of what a pipe delivers, or, for
    "-", standard input."""
    if str(source) != STDIN and source.is_file():
        yield source
        return
    with _opened(source) as pipe, NamedTemporaryFile() as copy:
        with temporary_room():
            copyfileobj(pipe, copy)
            copy.flush()
        yield Path(copy.name)


def _opened(source: Path) -> AbstractContextManager[BinaryIO]:
    if str(source) != STDIN:
        return source.open("rb")
    announce_stdin()
    return nullcontext(sys.stdin.buffer)
