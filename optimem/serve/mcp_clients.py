"""The configurations of MCP clients: where each is, and optimem's entry in it.

Nothing else in a file is touched, and an entry that optimem did not write is left alone. A file is
replaced at once, and only if it is still as it was when the change was shown.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

from optimem.errors import ClientConfigError
from optimem.omem.atomic import atomic_write
from optimem.serve import jsonc, toml_table

NAME = "optimem"
Environment = Mapping[str, str]


@dataclass(frozen=True)
class Client:
    """A client. `user`, `project`: its configuration for everything, and within a project's
    folder. `key`: of the servers in it. `typed`: whether an entry names its transport."""

    user: Callable[[Path, Environment], Path]
    project: str
    key: str = "mcpServers"
    typed: bool = True

    def path(self, project: bool, environment: Environment) -> Path:
        """The file to change, of the project in this folder or of the user."""
        if project:
            return Path(self.project).absolute()
        return self.user(Path.home(), environment)


def _claude(home: Path, environment: Environment) -> Path:
    return Path(environment.get("CLAUDE_CONFIG_DIR") or home) / ".claude.json"


def _codex(home: Path, environment: Environment) -> Path:
    return Path(environment.get("CODEX_HOME") or home / ".codex") / "config.toml"


def _cursor(home: Path, environment: Environment) -> Path:
    return home / ".cursor" / "mcp.json"


def _vscode(home: Path, environment: Environment) -> Path:
    if sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        folder = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
    else:
        folder = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return folder / "Code" / "User" / "mcp.json"


CLIENTS = {
    "claude-code": Client(_claude, ".mcp.json"),
    "codex": Client(_codex, ".codex/config.toml", "mcp_servers", typed=False),
    "cursor": Client(_cursor, ".cursor/mcp.json"),
    "vscode": Client(_vscode, ".vscode/mcp.json", "servers"),
}
"""All clients, by name."""


@dataclass(frozen=True)
class Edit:
    """A change of a file that has not been made yet. `before`, `after`: None if there is no
    file."""

    path: Path
    before: bytes | None
    after: bytes | None

    def __bool__(self) -> bool:
        return (self.after or b"") != (self.before or b"")

    def diff(self) -> str:
        """The change as lines."""
        old, new = ((text or b"").decode().splitlines(True) for text in (self.before, self.after))
        lines = unified_diff(old, new, str(self.path), str(self.path))
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def make(self) -> None:
        """Write the file, or remove it. Raises ClientConfigError if it was changed meanwhile."""
        if _read(self.path) != self.before:
            raise ClientConfigError(f"{self.path} was changed meanwhile; nothing was written")
        if self.after is None:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        mode = self.path.stat().st_mode & 0o777 if self.before is not None else None
        with atomic_write(self.path) as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(self.after)


def entry(client: Client, options: list[str], command: list[str] | None = None) -> dict[str, Any]:
    """What a client starts: this installation's `optimem mcp` with options."""
    program, *arguments = command or [sys.executable, "-m", "optimem.cli"]
    typed = {"type": "stdio"} if client.typed else {}
    return typed | {"command": program, "args": [*arguments, "mcp", *options]}


def install(client: Client, path: Path, value: dict[str, Any]) -> Edit:
    """The change that adds optimem's entry, or renews it. Raises ClientConfigError for a file that
    cannot be read as what it is, and for an entry of that name that optimem did not write."""
    return _edit(client, path, value)


def uninstall(client: Client, path: Path) -> Edit:
    """The change that takes optimem's entry out again, and removes a file that holds nothing but
    what `install` wrote into none. Raises as `install`."""
    return _edit(client, path, None)


def _edit(client: Client, path: Path, value: dict[str, Any] | None) -> Edit:
    path = path.resolve()  # a link, such as of dotfiles, stays one
    before = _read(path)
    try:
        text = (before or b"").decode("utf-8")
        form = toml_table if path.suffix == ".toml" else jsonc
        found = form.member(text, client.key, NAME)
        _check_ours(found)
        if value is not None:
            after = form.with_member(text, client.key, NAME, value)
        elif found is not None and text == form.with_member("", client.key, NAME, found):
            return Edit(path, before, None)
        else:
            after = form.without_member(text, client.key, NAME)
    except (ValueError, RecursionError) as error:
        raise ClientConfigError(
            f"{path} cannot be changed safely: {error}; mend it first"
        ) from error
    return Edit(path, before, after.encode("utf-8"))


def _check_ours(found: Any) -> None:
    """Raises ValueError for an entry that starts something else."""
    if found is None:
        return
    arguments = found.get("args") if isinstance(found, dict) else None
    command = str(found.get("command", "")) if isinstance(found, dict) else ""
    called = [Path(command).stem, *(arguments if isinstance(arguments, list) else [])]
    if "mcp" not in called or not {NAME, "optimem.cli"} & set(called):
        raise ValueError(f"its server {NAME!r} starts something else, {command!r:.80}")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ClientConfigError(f"{path} cannot be read: {error.strerror}") from error
