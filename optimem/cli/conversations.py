"""Turns as people keep them in files: plain text, chats, JSON lines."""

import json
from typing import Any

from optimem.cli.output import read_input
from optimem.errors import InputError
from optimem.turns import ROLES


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
