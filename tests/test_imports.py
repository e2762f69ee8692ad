"""What importing loads and what the package offers: a fresh interpreter, nothing else."""

import ast
import inspect
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import optimem

HEAVY = {"PIL", "cryptography", "freetype", "langchain", "langchain_core", "redis", "torch"}
REPORT = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"

LIGHT = {
    "package": "import optimem",
    "names": "from optimem import DecayPolicy, OpticalMemory, OptimemError, Scope, Tier, Turn",
    "stores": "import optimem.store",
    "composition root": "import optimem.build",
    "models": "import optimem.model",
    "help": "import sys; sys.argv = ['optimem', '--help']; from optimem.cli import main; main()",
}


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running `code`."""
    command = [sys.executable, "-c", f"{code}\n{REPORT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT.keys())
def test_light_imports_load_nothing_heavy(code: str) -> None:
    loaded = loaded_after(code)
    assert "optimem" in loaded
    assert not loaded & HEAVY


def test_what_needs_no_model_loads_none() -> None:
    loaded = loaded_after(
        "from optimem import OpticalMemory\n"
        "with OpticalMemory.open(':memory:') as memory:\n"
        "    memory.append('s', 'a turn'); memory.stats(); memory.reconstruct('s')\n"
        "    memory.recall('s', 'turn'); memory.forget('s')"
    )
    assert "PIL" in loaded
    assert "torch" not in loaded


@pytest.mark.parametrize("model", ["optimem-nano", "someone/some-model"])
def test_opening_a_memory_loads_no_model(model: str) -> None:
    loaded = loaded_after(
        "from optimem import OpticalMemory\n"
        f"with OpticalMemory.open(':memory:', model={model!r}) as memory:\n"
        "    memory.append('s', 'a turn'); memory.recall('s', 'turn')"
    )
    assert "optimem" in loaded
    assert "torch" not in loaded


def test_answering_from_a_few_pages_loads_no_torch(tmp_path: Path) -> None:
    with optimem.OpticalMemory.open(tmp_path / "pages.db") as memory:
        memory.append("s", "Staging listens on port 6543. The train leaves at nine. " * 9)
        memory.flush("s")
    loaded = loaded_after(
        "from optimem import OpticalMemory\n"
        f"with OpticalMemory.open({str(tmp_path / 'pages.db')!r}) as memory:\n"
        "    found = memory.recall('s', 'Which port does staging use?')\n"
        "    assert found[0].tier in ('large', 'base') and '6543' in found[0].text\n"
        "    assert '6543' in memory.answer('s', 'Which port does staging use?').text"
    )
    assert "torch" not in loaded


def test_help_loads_no_numpy() -> None:
    assert "numpy" not in loaded_after(LIGHT["help"])


def test_the_check_sees_a_heavy_import() -> None:
    assert "PIL" in loaded_after("import optimem, PIL.Image")


def test_importing_changes_no_environment_and_no_logging() -> None:
    changes = loaded_after(
        "import logging, os; before = dict(os.environ), logging.root.level\n"
        "from optimem import OpticalMemory, compress\n"
        "assert (dict(os.environ), logging.root.level) == before and not logging.root.handlers"
    )
    assert "optimem" in changes


PUBLIC = {
    "Answer", "ChatServer", "Corpus", "DecayPolicy", "ImageArchive", "Keyring", "Limits",
    "OpticalMemory",
    "Passage", "RecalledTurn", "Recollection", "Scope", "Tier", "TokenFile", "Turn", "UserKeys",
    "calibrate", "compress", "compress_images", "compress_prompt", "copy_store",
    "encode_corpus", "evaluate", "new_key",
    "read_images", "read_pages", "reencode_file", "rotate_keys", "stream_images", "with_memory",
    "with_pages",
}  # fmt: skip
"""Besides the errors, which tests/test_errors.py compares with the classes."""


def test_public_names_are_pinned() -> None:
    names = [name for name in optimem.__all__ if not name.endswith("Error")]
    assert names == sorted(PUBLIC)


def test_every_public_name_can_be_had_and_others_cannot() -> None:
    for name in optimem.__all__:
        assert getattr(optimem, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_name"):
        optimem.no_such_name  # noqa: B018  the lookup itself is what is tested


def test_completion_offers_every_public_name() -> None:
    assert set(dir(optimem)) >= {*optimem.__all__, "__version__"}


def test_type_checkers_see_the_names_that_run_time_gives() -> None:
    """The imports under TYPE_CHECKING re-export the names of `__all__`, from the same modules."""
    (block,) = (each for each in ast.parse(inspect.getsource(optimem)).body if is_typing(each))
    seen = {(each.module, name.name) for each in block.body for name in each.names}
    assert all(name.asname in (name.name, None) for each in block.body for name in each.names)
    errors = {("optimem.errors", name) for name in optimem.__all__ if name.endswith("Error")}
    homes = {(home, name) for name, home in optimem._HOMES.items()}
    assert seen - {("optimem.errors", "*")} == homes - errors
    assert homes >= errors


def is_typing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


def test_the_installed_command_is_the_cli() -> None:
    (command,) = entry_points(group="console_scripts", name="optimem")
    assert command.value == "optimem.cli:main"
    assert callable(command.load())


def test_what_needs_langchain_core_alone_loads_nothing_more() -> None:
    names = ("bytestore", "compressor", "history", "recall")
    loaded = loaded_after("; ".join(f"import optimem.adapters.{name}" for name in names))
    assert "langchain_core" in loaded
    assert not {"langchain", "langgraph"} & loaded
