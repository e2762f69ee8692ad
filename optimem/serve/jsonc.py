"""One member of an object in a JSON file changed in place: every other byte, comments and trailing
commas among them, stays as it is.

Knows JSON with comments (JSONC), not what it says.
"""

import json
import re
from typing import Any, NamedTuple

SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.S)
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
SCALAR = re.compile(r"[^\s,\]}/]+")
COMMENT = re.compile(r"(?:[ \t]*(?:/\*[^\n]*?\*/|//[^\r\n]*))*")
"""Comments that end on the line."""
INDENT = "  "


class Member(NamedTuple):
    """A member of an object: its key, and where key and value start and the value ends."""

    key: str
    start: int
    value: int
    end: int


class Obj(NamedTuple):
    """An object: where its braces are, and its members."""

    start: int
    end: int
    members: list[Member]

    def member(self, key: str) -> Member | None:
        """The member with a key, None without one. Raises ValueError for two of them."""
        found = [each for each in self.members if each.key == key]
        if len(found) > 1:
            raise ValueError(f"it has two members {key!r}")
        return found[0] if found else None


def member(text: str, outer: str, key: str) -> Any:
    """The value of a member of the top level's object `outer`, None if it is not there. Raises
    ValueError for what is not JSON or not such objects."""
    found = _inner(text, outer)
    held = found and found.member(key)
    return json.loads(_without_comments(text[held.value : held.end])) if held else None


def with_member(text: str, outer: str, key: str, value: Any) -> str:
    """The text with a member of the object `outer` set. Raises ValueError as `member` does."""
    if not text.strip():
        return json.dumps({outer: {key: value}}, indent=INDENT, ensure_ascii=False) + "\n"
    found = _inner(text, outer)
    if found is None:
        return _inserted(text, _object(text, _first(text)), outer, {key: value})
    held = found.member(key)
    if held is None:
        return _inserted(text, found, key, value)
    written = _written(value, _indent(text, held.start)).replace("\n", _line_break(text))
    return text[: held.value] + written + text[held.end :]


def without_member(text: str, outer: str, key: str) -> str:
    """The text without a member of the object `outer`; the same if it is not there. Raises
    ValueError as `member` does."""
    found = _inner(text, outer)
    held = found and found.member(key)
    if not found or not held:
        return text
    at, end = found.members.index(held), held.end
    low = found.members[at - 1].end if at else found.start + 1
    gap = text[low : held.start].rstrip(" \t\r\n")
    after = _space(text, end)
    if text[after] == ",":
        return _joined(text[:low], gap, text[end:after] + text[after + 1 :])
    if at == 0:
        rest = text[end : found.end]
        return _joined(text[:low], gap, ("" if rest.isspace() else rest) + text[found.end :])
    comma = _space(text, low) - low
    return _joined(text[:low], gap[:comma] + gap[comma + 1 :], text[end:])


def _joined(before: str, gap: str, rest: str) -> str:
    """What is left when a member was taken out. `gap`: comments and a comma before it, which a
    line of comment must not draw `rest` into."""
    comment = "//" in gap.rpartition("\n")[2]
    apart = comment and not rest.lstrip(" \t\r").startswith("\n")
    return f"{before}{gap}{_line_break(before) * apart}{rest}"


def _inner(text: str, outer: str) -> Obj | None:
    """The object `outer` of the top level's object, None if it is not there."""
    if not text.strip():
        return None
    top = _object(text, _first(text))
    if _space(text, top.end + 1) != len(text):
        raise ValueError("something follows its end")
    held = top.member(outer)
    return _object(text, held.value) if held else None


def _first(text: str) -> int:
    return _space(text, 1 if text.startswith("\ufeff") else 0)


def _inserted(text: str, into: Obj, key: str, value: Any) -> str:
    """The text with a member at the end of an object."""
    line = _line_break(text)
    if into.members:
        last = into.members[-1]
        indent = _indent(text, last.start)
        after = _space(text, last.end)
        trailing = text[after] == ","
        between = text[last.end : after + 1] if trailing else ","
        at = COMMENT.match(text, after + 1 if trailing else last.end).end()  # type: ignore[union-attr]
        between += text[last.end + len(between) * trailing : at]
        pair = _pair(key, value, indent).replace("\n", line)
        return f"{text[: last.end]}{between}{line}{indent}{pair}{',' * trailing}{text[at:]}"
    outer = _indent(text, into.start)
    indent, rest = outer + _unit(text, outer), text[into.start + 1 : into.end]
    end = f"{line}{outer}" if not rest or rest.isspace() else rest
    pair = _pair(key, value, indent).replace("\n", line)
    return f"{text[: into.start + 1]}{line}{indent}{pair}{end}{text[into.end :]}"


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _unit(text: str, indent: str) -> str:
    """What a level is indented by."""
    return "\t" if "\t" in (indent or text) else INDENT


def _pair(key: str, value: Any, indent: str) -> str:
    return f"{json.dumps(key)}: {_written(value, indent)}"


def _written(value: Any, indent: str) -> str:
    unit = _unit("", indent)
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", f"\n{indent}")


def _indent(text: str, at: int) -> str:
    """The space that the line of a place begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _object(text: str, at: int) -> Obj:
    if text[at : at + 1] != "{":
        raise ValueError(f"there is no object where one must be: {text[at : at + 20]!r}")
    members, place = list[Member](), _space(text, at + 1)
    while text[place : place + 1] != "}":
        key = STRING.match(text, place)
        if not key or text[(colon := _space(text, key.end())) : colon + 1] != ":":
            raise ValueError(f"no member stands where one must: {text[place : place + 20]!r}")
        value = _space(text, colon + 1)
        end = _value_end(text, value)
        members.append(Member(json.loads(key[0]), place, value, end))
        place = _space(text, end)
        if text[place : place + 1] == ",":
            place = _space(text, place + 1)
        elif text[place : place + 1] != "}":
            raise ValueError(f"a comma is missing before {text[place : place + 20]!r}")
    return Obj(at, place, members)


def _value_end(text: str, at: int) -> int:
    """Where a value ends: a string, another scalar, or what stands in brackets."""
    depth = 0
    while True:
        found = STRING.match(text, at) or re.compile(r"[\[\]{},:]").match(text, at)
        found = found or SCALAR.match(text, at)
        if not found or (depth == 0 and found[0] in ("]", "}", ",", ":")):
            raise ValueError(f"a value is missing before {text[at : at + 20]!r}")
        depth += found[0] in ("[", "{")
        depth -= found[0] in ("]", "}")
        if depth == 0:
            return found.end()
        at = _space(text, found.end())


def _space(text: str, at: int) -> int:
    """Where space and comments from a place on end."""
    found = SPACE.match(text, at)
    return found.end() if found else at


def _without_comments(text: str) -> str:
    """JSON without comments and trailing commas."""
    tokens = re.sub(
        rf"({STRING.pattern})|//[^\n]*|/\*.*?\*/", lambda each: each[1] or " ", text, flags=re.S
    )
    return re.sub(
        rf"({STRING.pattern})|,(?=\s*[\]}}])", lambda each: each[1] or "", tokens, flags=re.S
    )
