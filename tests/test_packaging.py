"""The wheel: built from a copy of the tree, it holds all of the package and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("optimem", "adapters", "renderers")
FILES = ("pyproject.toml", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
NO_SOURCE = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache", "*.egg-info")

ESSENTIAL = {
    "optimem/py.typed",
    "optimem/adapters/__init__.py",
    "optimem/model/minilm/LICENSE-BERT.txt",
    "optimem/model/minilm/words.txt.zst",
    "optimem/model/nano/weights/optimem-nano.safetensors.zst",
    "optimem/renderers/data/alphabet.txt",
    "optimem/renderers/data/atlas.png",
    "optimem/renderers/fonts/DejaVuSans.ttf",
    "optimem/renderers/fonts/DroidSansFallback.ttf",
    "optimem/renderers/fonts/LICENSE-DejaVu.txt",
    "optimem/renderers/fonts/LICENSE-Droid.txt",
    "optimem/renderers/fonts/LICENSE-Noto.txt",
    "optimem/renderers/fonts/NotoDevanagari.ttf",
    "optimem/renderers/fonts/NotoHangul.otf",
    "optimem/text/alike.npy",
}


def copy_sources(target: Path) -> None:
    """What a build needs, elsewhere: a build in place would leave its folder behind."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, target / folder, symlinks=True, ignore=NO_SOURCE)
    for file in FILES:
        shutil.copy(ROOT / file, target / file)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("source")
    copy_sources(target)
    return target


@pytest.fixture(scope="module")
def tree(source: Path) -> set[str]:
    """The package's files as they are named when installed."""
    files = set()
    for folder in FOLDERS:
        for path in (source / folder).rglob("*"):
            if path.is_file():
                inside = path.relative_to(source).as_posix()
                files.add(inside if folder == "optimem" else f"optimem/{inside}")
    return files


@pytest.fixture(scope="module")
def wheel(source: Path, tree: set[str], tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in the wheel. Needs `tree` first: building adds folders to the source."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-c", BUILD, str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = out.glob("*.whl")
    with ZipFile(built) as archive:
        return set(archive.namelist())


def test_only_optimem_is_installed_at_top_level(wheel: set[str]) -> None:
    top = {name.split("/")[0] for name in wheel}
    assert {re.sub(r"-[\d.]+\.dist-info$", ".dist-info", name) for name in top} == {
        "optimem",
        "optimem.dist-info",
    }


def test_the_wheel_holds_every_file_of_the_tree_and_no_other(
    wheel: set[str], tree: set[str]
) -> None:
    assert {name for name in wheel if name.startswith("optimem/")} == tree


def test_what_the_package_cannot_do_without_is_there(wheel: set[str]) -> None:
    assert wheel >= ESSENTIAL


def test_licences_lie_with_the_metadata(wheel: set[str]) -> None:
    found = {PurePosixPath(name).name for name in wheel if ".dist-info/licenses/" in name}
    assert found >= {"LICENSE", "LICENSE-BERT.txt", "LICENSE-DejaVu.txt", "LICENSE-Droid.txt"}


def test_every_package_of_the_tree_is_listed(tree: set[str]) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    folders = {PurePosixPath(name).parent for name in tree if name.endswith("/__init__.py")}
    assert set(settings["packages"]) == {".".join(folder.parts) for folder in folders}


@pytest.mark.parametrize("folder", ["adapters", "renderers"])
def test_links_in_the_tree_are_relative(folder: str) -> None:
    link = ROOT / "optimem" / folder
    assert link.is_symlink()
    assert link.readlink() == Path("..") / folder
