"""The examples run as they are, and the README shows the first of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(name: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_quickstart_remembers_the_port() -> None:
    assert "port 6543" in run("quickstart.py")


def test_fading_shows_every_age() -> None:
    shown = run("fading.py")
    assert shown.count("vision tokens") == 5
    assert "Day 0: walked" in shown.splitlines()[1]


def test_an_agent_with_a_long_life() -> None:
    shown = run("langchain_agent.py", AGENT_MODEL="")
    assert shown.startswith("24 messages in the state")
    assert "7261-QX" in shown


def test_a_chain_whose_old_messages_are_shown_as_pages() -> None:
    shown = run("lcel_chain.py", AGENT_MODEL="")
    assert "The model saw 3 messages" in shown
    assert "pages of" in shown


def test_a_long_text_as_pages(tmp_path: Path) -> None:
    shown = run("compress_prompt.py", OUT=str(tmp_path))
    assert "tokens (" in shown
    assert "OPS-20417" in shown
    assert list(tmp_path.glob("page-*.png"))


def test_a_langgraph_agent_with_a_store() -> None:
    shown = run("langgraph_store.py", AGENT_MODEL="", OPTIMEM_STORE=":memory:")
    assert " tool: Ann's desk is 4.117, by the window.\n   ai: Your desk is 4.117." in shown
    assert "Rex" in shown.splitlines()[-1]


def test_redis_store(redis_url: str) -> None:
    shown = run("redis_store.py", REDIS_URL=redis_url)
    assert "TP 1217 at 07:05" in shown
    assert "left=0" in shown


def test_the_answer_of_the_readme_is_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text("utf-8")
    code = readme.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert shown == "Staging's database listens on port 6543.\n"
    assert f"It prints `{shown.strip()}`" in readme
