"""The public names of the adapters, each imported when first used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from optimem import adapters
from optimem.errors import MissingExtraError


def test_public_names_are_pinned() -> None:
    assert adapters.__all__ == [
        "OptimemByteStore",
        "OptimemChatMessageHistory",
        "OptimemMemory",
        "OptimemMiddleware",
        "OptimemPromptCompressor",
        "OptimemRetriever",
        "OptimemStore",
        "create_recall_tool",
    ]


def test_every_public_name_can_be_imported_and_others_cannot() -> None:
    assert set(adapters.__all__) <= set(dir(adapters))
    for name in adapters.__all__:
        assert getattr(adapters, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = adapters.no_such_name


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(str(adapters.__file__)).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    named = {alias.asname: str(node.module) for node in imports for alias in node.names}
    homes = adapters._HOMES
    assert named == {name: f"optimem.adapters.{module}" for name, module in homes.items()}


@pytest.mark.parametrize(
    ("name", "module", "missing", "extra"),
    [("OptimemMiddleware", "middleware", "langchain.agents.middleware", "langchain"),
     ("OptimemMemory", "classic", "langchain_classic.base_memory", "classic")],
)  # fmt: skip
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, missing: str, extra: str
) -> None:
    monkeypatch.delitem(sys.modules, f"optimem.adapters.{module}", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'optimem\[{extra}\]'"):
        getattr(adapters, name)


def test_langchain_core_is_enough_for_chains() -> None:
    """Neither langchain nor langgraph is there; both are only for agents and stores."""
    names = [
        "OptimemByteStore",
        "OptimemChatMessageHistory",
        "OptimemPromptCompressor",
        "OptimemRetriever",
        "create_recall_tool",
    ]
    code = (
        "import sys; sys.modules.update(langchain=None, langgraph=None, langchain_classic=None)\n"
        f"from optimem.adapters import {', '.join(names)}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
