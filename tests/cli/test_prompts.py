"""`optimem compress-prompt`, run as a user runs it."""

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import run

TEXT = "The keeper wrote down every ship that passed, its name and the hour. " * 60


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "log.txt"
    path.write_text(TEXT, "utf-8")
    return path


def test_a_text_becomes_messages_ready_to_send(text: Path) -> None:
    done = run("compress-prompt", str(text), "--model", "gpt-4o", "-q", "Which came last?")
    assert done.returncode == 0, done.stderr
    (message,) = json.loads(done.stdout)
    assert message["content"][-1]["text"] == "Which came last?"
    assert message["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "tokens (" in done.stderr.decode()


def test_messages_and_pages_in_a_folder(tmp_path: Path) -> None:
    said = [{"role": "user", "content": TEXT}, {"role": "user", "content": "Which came last?"}]
    (tmp_path / "chat.json").write_text(json.dumps({"messages": said}), "utf-8")
    out = tmp_path / "out"
    done = run(
        "compress-prompt", str(tmp_path / "chat.json"), "--model", "claude-opus-4-8",
        "--budget", "900", "-o", str(out), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["plan"]
    assert plan["tokens_after"] <= 900 < plan["tokens_before"]
    assert len(list(out.glob("page-*.png"))) == plan["pages"]
    messages = json.loads((out / "messages.json").read_text("utf-8"))
    assert messages[-1] == said[-1]
    assert messages[0]["content"][1]["source"]["media_type"] == "image/png"


@pytest.mark.parametrize(
    ("content", "model", "said"),
    [("short", "gpt-4o", "pages would save nothing"), (TEXT, "gpt-9", "no rule says"),
     ("{", "gpt-4o", "is not JSON"), ('{"a": 1}', "gpt-4o", "holds no messages")],
)  # fmt: skip
def test_refusals_name_the_remedy(content: str, model: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / ("request.json" if content.startswith("{") else "text.txt")
    path.write_text(content, "utf-8")
    done = run("compress-prompt", str(path), "--model", model)
    assert done.returncode == 1
    assert not done.stdout
    assert said in done.stderr.decode()


def test_the_table_of_models_needs_no_input() -> None:
    lines = run("compress-prompt", "--list-models").stdout.decode().splitlines()
    row = next(line for line in lines if line.startswith("| `gpt-4o` |"))
    assert "85 + 170 per 512 px tile" in row
    assert "2026-" in row
