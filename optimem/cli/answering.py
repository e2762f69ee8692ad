"""Which language model answers: the options that `optimem ask`, `serve` and `mcp` share."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from optimem.api.chat_server import ChatServer


class LlmOptions(NamedTuple):
    """A model on an OpenAI-compatible server; without a server, answers are quotations."""

    server: str | None
    llm: str | None

    def open(self) -> "ChatServer | None":
        """The model, if there is one. Raises InputError for a URL that is none."""
        if self.server is None:
            return None
        from optimem.api.chat_server import ChatServer

        return ChatServer(self.server, self.llm)

    def arguments(self) -> list[str]:
        """The options as they are typed."""
        server = ["--server", self.server] if self.server else []
        return [*server, "--llm", self.llm] if self.llm else server


def llm_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--server` and `--llm`; the command gets them as `answering`."""

    @click.option("--server", envvar="OPTIMEM_SERVER", show_envvar=True, metavar="URL",
                  help="An OpenAI-compatible server whose model answers from what is recalled, "
                  "such as http://localhost:8080/v1 of llama.cpp; its key is "
                  "OPENAI_API_KEY.")  # fmt: skip
    @click.option("--llm", envvar="OPTIMEM_LLM", show_envvar=True, metavar="NAME",
                  help="The model on that server; by default the first that it lists.")  # fmt: skip
    @wraps(command)
    def wrapped(*args: Any, server: str | None, llm: str | None, **given: Any) -> None:
        if llm and not server:
            raise click.UsageError("--llm names a model on a server; give --server too")
        command(*args, answering=LlmOptions(server, llm), **given)

    return wrapped
