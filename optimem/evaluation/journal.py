"""What a run has measured so far, in a file, so that it can be interrupted and resumed.

One JSON line identifies the run, then one follows for each part that is done. A line cut short by
an interruption is dropped.
"""

import json
from pathlib import Path
from typing import Any

from optimem.errors import ResumeError

NAME = "results.jsonl"


class Journal:
    """`results` by the name of their part. `folder`: where the file is; None keeps results in
    memory only. Raises ResumeError if the folder holds another run's results."""

    def __init__(self, folder: Path | None, identity: dict[str, Any]) -> None:
        self.results: dict[str, Any] = {}
        self._path = folder / NAME if folder else None
        if self._path is None:
            return
        identity = _json_copy(identity)
        lines = _read_lines(self._path)
        if lines and lines[0] != identity:
            differing = [key for key in identity if lines[0].get(key) != identity[key]]
            raise ResumeError(
                f"{self._path} holds the results of another run (different: "
                f"{', '.join(differing)}); choose another folder, or delete that file"
            )
        self.results = {line["part"]: line["result"] for line in lines[1:]}
        _replace(self._path, [identity, *lines[1:]])

    def add(self, part: str, result: Any) -> None:
        """Record the result of a part."""
        self.results[part] = _json_copy(result)
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_line({"part": part, "result": result}))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal up to one that was cut short; makes its folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    except OSError as error:
        raise ResumeError(
            f"cannot keep results in {path.parent}: {error.strerror}; choose another folder"
        ) from error
    lines: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            break
    if text and not (lines and all(isinstance(line, dict) for line in lines)):
        raise ResumeError(f"{path} is not a file of results; choose another folder, or move it")
    return lines


def _replace(path: Path, lines: list[dict[str, Any]]) -> None:
    """Replace the file as a whole, so that an interruption loses nothing."""
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(map(_line, lines)), "utf-8")
    fresh.replace(path)


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value) + "\n"


def _json_copy(value: Any) -> Any:
    """The value as a file would hold it: tuples as lists, keys as strings."""
    return json.loads(json.dumps(value))
