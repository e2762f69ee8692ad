"""What a run has measured so far, in a file, so that it can be interrupted and go on.

One JSON line for what the run is, then one for each part that is done. A line cut short by an
interruption is dropped.
"""

import json
from pathlib import Path
from typing import Any

from optimem.errors import ResumeError

NAME = "results.jsonl"


class Journal:
    """Results by the name of their part. `folder` None keeps them in memory only. Raises
    ResumeError if the folder holds another run's results."""

    def __init__(self, folder: Path | None, identity: dict[str, Any]) -> None:
        self.done: dict[str, Any] = {}
        self._path = folder / NAME if folder else None
        identity = json.loads(json.dumps(identity))
        if self._path is None:
            return
        lines = self._lines(self._path)
        if lines and lines[0] != identity:
            other = [key for key in identity if lines[0].get(key) != identity[key]]
            raise ResumeError(
                f"{self._path} holds the results of another run (it differs in "
                f"{', '.join(other)}); choose another folder, or delete that file"
            )
        self.done = {line["part"]: line["result"] for line in lines[1:]}
        self._rewrite(self._path, [identity, *lines[1:]])

    def add(self, part: str, result: Any) -> None:
        """Keep the result of a part."""
        self.done[part] = json.loads(json.dumps(result))
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"part": part, "result": result}) + "\n")

    def _lines(self, path: Path) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text("utf-8", errors="replace") if path.exists() else ""
        except OSError as error:
            raise ResumeError(
                f"results cannot be kept in {path.parent}: {error.strerror}; choose another folder"
            ) from error
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                break
        if text and not (found and all(isinstance(line, dict) for line in found)):
            raise ResumeError(
                f"{path} is not a file of results; choose another folder, or move it away"
            )
        return found

    def _rewrite(self, path: Path, lines: list[dict[str, Any]]) -> None:
        """Replace the file as a whole, so that an interruption loses nothing."""
        fresh = path.with_suffix(".new")
        fresh.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        fresh.replace(path)
