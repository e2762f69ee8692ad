"""`optimem read` and `optimem decompress`, run as a user runs them."""

import re
from pathlib import Path

import pytest

from optimem.build import nano_codec
from optimem.renderers.images import save_page
from optimem.tiers import Tier
from tests.cli.command import run
from tests.cli.test_compress import NOTES


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "notes.txt").write_text(NOTES, "utf-8")
    done = run("compress", str(folder / "notes.txt"), "--tier", "large")
    assert done.returncode == 0, done.stderr
    return folder / "notes.omem"


def test_read_prints_the_text_and_nothing_else(notes: Path) -> None:
    done = run("read", str(notes))
    assert done.returncode == 0
    assert done.stdout.decode() == NOTES


def test_decompress_writes_what_read_prints(notes: Path, tmp_path: Path) -> None:
    done = run("decompress", str(notes), "-o", str(tmp_path / "notes.txt"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert (tmp_path / "notes.txt").read_bytes() == run("read", str(notes)).stdout
    (tmp_path / "a.txt").write_text("text")
    done = run("decompress", str(tmp_path / "a.txt"), "-o", str(tmp_path / "out.txt"))
    assert (done.returncode, b"is not an .omem file" in done.stderr) == (1, True)
    assert not (tmp_path / "out.txt").exists()


def test_a_missing_page_is_named(notes: Path) -> None:
    done = run("read", str(notes), "--page", "7")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"there is no page 7; the file has 1" in done.stderr


@pytest.mark.parametrize("damage", ["cut", "flip", "version", "foreign"])
def test_a_damaged_file_is_named(notes: Path, tmp_path: Path, damage: str) -> None:
    data = bytearray(notes.read_bytes())
    if damage == "cut":
        data = data[:-40]
    elif damage == "flip":
        data[len(data) // 2] ^= 1
    elif damage == "version":
        data[4] = 9
    else:
        data = bytearray(b"not an omem file at all")
    path = tmp_path / "bad.omem"
    path.write_bytes(data)
    done = run("read", str(path))
    assert (done.returncode, done.stdout) == (1, b"")
    expected = {"version": b"version 9", "foreign": b"not an .omem file"}
    assert expected.get(damage, b"damaged or cut") in done.stderr


def test_the_image_of_a_page_is_read_and_doubts_are_bracketed(tmp_path: Path) -> None:
    renderer = nano_codec().renderer
    page = renderer.page(renderer.cells(NOTES))
    save_page(page.image(Tier.TRACE), tmp_path / "page.png")
    done = run("read", str(tmp_path / "page.png"), "--confidence")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    raw = run("read", str(tmp_path / "page.png"), "--raw").stdout.decode()
    assert "⟦" in shown
    assert shown.replace("⟦", "").replace("⟧", "") == raw
    marked = run("read", str(tmp_path / "page.png")).stdout.decode()
    assert marked == re.sub("⟦.⟧", "\ufffd", shown, flags=re.DOTALL)


def test_trace_warns_and_marks_what_is_doubtful(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(NOTES, "utf-8")
    assert run("compress", str(tmp_path / "notes.txt"), "--tier", "trace").returncode == 0
    done = run("read", str(tmp_path / "notes.omem"))
    assert b"is at Trace, which keeps the gist" in done.stderr
    assert "\ufffd" in done.stdout.decode()
    raw = run("decompress", str(tmp_path / "notes.omem"), "--raw")
    assert b"is at Trace, which keeps the gist" in raw.stderr
    assert "\ufffd" not in raw.stdout.decode()


def test_questions_and_modes_are_for_images(notes: Path, tmp_path: Path) -> None:
    done = run("read", str(notes), "--ask", "what?")
    assert (done.returncode, b"--ask needs --model" in done.stderr) == (2, True)
    done = run("read", str(notes), "--mode", "tiny")
    assert (done.returncode, b"--mode is for images" in done.stderr) == (2, True)
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7 and so on")
    done = run("read", str(tmp_path / "scan.pdf"))
    assert (done.returncode, b"which optimem-nano cannot read" in done.stderr) == (1, True)
