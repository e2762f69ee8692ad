"""The example notebooks run from top to bottom, show what they promise, and are kept without
outputs, which would grow stale."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[1] / "examples"
SHOWN = {
    "memory": ["6543", "200 days", "0171 5550 1938", "left=0"],
    "prompts_and_agents": ["gpt-4o", "OPS-20417", "24 messages in the state", "7261-QX"],
}


def outputs(notebook: Any) -> list[dict[str, Any]]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def shown(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    return f"{output.get('text', '')}{data.get('text/html', '')}{data.get('text/plain', '')}"


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENT_MODEL", raising=False)
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    assert outputs(notebook) == []
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    text = "".join(map(shown, outputs(notebook)))
    assert [each for each in SHOWN[name] if each not in text] == []
    kinds = {kind for output in outputs(notebook) for kind in output.get("data", {})}
    assert ("text/html" if name == "memory" else "image/png") in kinds


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == set(SHOWN)
