"""Every code block of README, CONTRIBUTING and docs/ runs as it stands.

Each shell block starts in a folder with the files it may name; the Python blocks of a page follow
one another in one folder and one namespace. What a reader needs beyond optimem has a stand-in, and
a Python block says so in a comment: `# needs: …`. docs/api.md holds signatures, see
test_reference.
"""

import json
import lzma
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from optimem import OpticalMemory, Tier, Turn, build, compress, compress_images
from optimem.model.deepseek_ocr.answers import AnswerPiece, PageAnswer
from optimem.model.deepseek_ocr.generation import FinishReason
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.reader import ProjectedReader
from optimem.model.projector.served import ServedProjection
from tests.docs.openai_server import openai_server
from tests.docs.shell import ROOT, run_script
from tests.model.deepseek_ocr.conftest import brief, folder, reader
from tests.model.deepseek_ocr.image_files import write_image, write_pdf
from tests.model.deepseek_ocr.small import BriefReader
from tests.model.projector.small import write_chat_model, write_projector

__all__ = ["brief", "folder", "reader"]

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
KINDS = {"python", "sh", "text"}
REDIS = r"redis://(localhost|cache):6379(/0)?"
SERVER = r"http://localhost:(8080|11434)/v1"
NEEDS = {
    REDIS: "Redis",
    SERVER: "a local server",
    r"openai:|OpenAI\(|\bclient\.": "an OpenAI key",
    "DeepSeek-OCR": "DeepSeek-OCR's weights",
    r"vllm\+http": "a vLLM server",
    r"ProjectedReader|ServedProjection": "a projector",
}
"""What a block needs that holds a pattern."""


SAID = (
    "The night train to Lisbon leaves late, and the restaurant car closes early on weekdays.",
    "Please move the harbour review to the week after the fair, when everybody is back.",
    "I will ask the caretaker for the key and leave a note for whoever comes in first.",
)


class Block(NamedTuple):
    """One fenced block. `number`: its place on the page, from 1."""

    page: Path
    number: int
    kind: str
    code: str


def blocks(kind: str) -> list[Block]:
    return [
        Block(page, number, found, code)
        for page in PAGES
        if page.name != "api.md"
        for number, (found, code) in enumerate(BLOCK.findall(page.read_text("utf-8")), 1)
        if found == kind
    ]


def block_name(block: Block) -> str:
    return f"{block.page.name}-{block.number}"


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, brief: BriefReader) -> Path:
    """A folder with every file that a block may name, and a memory."""
    made = tmp_path_factory.mktemp("stocked")
    roles = ("user", "assistant")
    notes = "".join(f"{roles[n % 2]}: {SAID[n % len(SAID)]}\n" for n in range(160))
    names = "notes.txt report.txt app.py talk.txt chat.txt books.txt code.txt held_out.txt"
    corpora = (f"{name}.val.txt.xz" for name in ("books_en", "chat_en", "code", "multi"))
    for name in names.split():
        (made / name).write_text(notes)
    for name in corpora:
        (made / name).write_bytes(lzma.compress(notes.encode()))
    said = [{"role": roles[n % 2], "content": notes[:4000]} for n in range(8)]
    (made / "chat.json").write_text(json.dumps(said))
    for name in ("turns.jsonl", "ann.jsonl"):
        (made / name).write_text('{"role": "user", "text": "Ann is paged first."}\n')
    images = [write_image(made / name) for name in ("scan.jpg", "b.jpg")]
    for name in ("paper.pdf", "a.pdf", "bill.pdf", "invoice.pdf"):
        write_pdf(made / name, 3)
    compress(notes, Tier.SMALL).file.save(made / "notes.omem")
    for name in ("paper.omem", "scans.omem"):
        compress_images(images * 2, made / name, model=brief, mode="tiny")
    with OpticalMemory.open(made / "memory.db") as memory:
        memory.append("work/ann/monday", [Turn(text="Staging uses port 6543.", id="m42")])
        memory.flush("work/ann/monday")
    return made


@pytest.fixture
def place(stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder to work in, with nothing that this machine may have set."""
    here = tmp_path / "here"
    shutil.copytree(stocked, here)
    monkeypatch.chdir(here)
    for name in [name for name in os.environ if name.startswith(("OPTIMEM_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPTIMEM_STORE", "memory.db")
    return here


class KnowingReader(BriefReader):
    """The small random model, which says the same of every page."""

    def answer(self, *arguments: Any, **options: Any) -> list[PageAnswer]:
        pieces = (AnswerPiece("The loss they minimise is cross-entropy; the total is 12.", 0.99),)
        said = super().answer(*arguments, **options)
        return [replace(answer, pieces=pieces, finish=FinishReason.END) for answer in said]

    def answer_together(self, pages: Any, *arguments: Any, **options: Any) -> PageAnswer:
        return self.answer(pages[:1])[0]


@pytest.fixture
def small_model(brief: BriefReader, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A small model in DeepSeek-OCR's place."""
    knowing = KnowingReader(brief.model, brief.tokenizer)
    monkeypatch.setattr(DeepSeekReader, "open", lambda *_, **__: knowing)
    build.deepseek_reader.cache_clear()
    build.ruled_codec.cache_clear()
    yield
    build.deepseek_reader.cache_clear()
    build.ruled_codec.cache_clear()


@pytest.fixture
def vllm_server(brief: BriefReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small model in this process in place of a server that serves it."""
    knowing = KnowingReader(brief.model, brief.tokenizer)
    monkeypatch.setattr(build, "server_reader", lambda _: knowing)


@pytest.fixture
def small_projector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small chat model and a projector for it, in this process in place of a server, too."""
    write_chat_model(tmp_path / "chat")
    path = write_projector(tmp_path / "small.safetensors", ChatModel.open(tmp_path / "chat"))
    opened = ProjectedReader.open(path, tmp_path / "chat")
    monkeypatch.setattr(opened, "close", lambda: None, raising=False)
    monkeypatch.setattr(ProjectedReader, "open", lambda *_: opened)
    monkeypatch.setattr(ServedProjection, "at", lambda *_: opened)


@pytest.fixture
def local_server() -> Iterator[str]:
    """The URL of a server with a language model."""
    with openai_server() as url:
        yield url


@pytest.fixture
def openai_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with openai_server() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield


def stand_in(code: str, request: pytest.FixtureRequest) -> str:
    """The code as it runs here, what it needs being there."""
    needs = found_needs(code)
    if "an OpenAI key" in needs:
        request.getfixturevalue("openai_account")
    if "DeepSeek-OCR's weights" in needs:
        request.getfixturevalue("small_model")
    if "a vLLM server" in needs:
        request.getfixturevalue("vllm_server")
    if "a projector" in needs:
        request.getfixturevalue("small_projector")
    if "a local server" in needs:
        code = re.sub(SERVER, request.getfixturevalue("local_server"), code)
    if "Redis" in needs:
        code = re.sub(REDIS, request.getfixturevalue("redis_url"), code)
    return code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    text = page.read_text("utf-8")
    found = BLOCK.findall(text)
    assert 2 * len(found) == len(re.findall(r"^ *```", text, re.M))
    assert {kind for kind, _ in found} <= KINDS
    for kind, code in found:
        if kind == "python" and page.name != "api.md":
            assert named_needs(code) == found_needs(code)
        if kind == "text":
            assert not re.search(r"^(optimem|pip|make|python) (?!.*\[OPTIONS\])", code, re.M)


def found_needs(code: str) -> set[str]:
    return {need for pattern, need in NEEDS.items() if re.search(pattern, code)}


def named_needs(code: str) -> set[str]:
    """What a block's comments say that it needs."""
    said = re.findall(r"# needs: ([^(\n]*)", code)
    return {need.strip() for line in said for need in line.split(" and ")}


@pytest.mark.parametrize("block", blocks("sh"), ids=block_name)
def test_a_shell_block_runs(
    block: Block, stocked: Path, place: Path, request: pytest.FixtureRequest
) -> None:
    code = stand_in(block.code, request)
    if block.page.name != "cli.md":
        run_script(code)
        return
    for line in code.splitlines():  # examples of a command, each on its own
        run_script(line)
        shutil.copytree(stocked, place, dirs_exist_ok=True)


PYTHON_PAGES = sorted({block.page for block in blocks("python")})


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("place")
def test_the_python_blocks_of_a_page_run(page: Path, request: pytest.FixtureRequest) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks("python"):
        if block.page == page:
            code = stand_in(block.code, request)
            exec(compile(code, f"{page.name}, block {block.number}", "exec"), names)
    if "agent" in names:  # the first example of an agent remembers, and knows whom
        memory = names["memory"]
        assert isinstance(memory, OpticalMemory)
        assert memory.stats("ann-1").turns == 2
