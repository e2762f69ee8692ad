"""A server wherever a reader is named: files of text, the commands of a memory, the services. No
checkpoint is at hand; a real server reads the pages."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner, Result
from mcp import Client, StdioServerParameters

from benchmarks.vllm.server import VllmServer
from optimem import OpticalMemory, build, compress, read_pages
from optimem.api.files import read_document
from optimem.cli import cli
from optimem.errors import ReaderUnavailableError
from optimem.memory.decay import DecayPolicy
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.text_pages import DeepSeekPages
from optimem.omem.text import TokenFile
from optimem.protocols import PageCodec
from optimem.renderers.ruled import RuledRenderer
from optimem.tiers import Tier
from tests.model.deepseek_ocr.image_files import write_image
from tests.model.vllm.conftest import NAME, Serve
from tests.serve.service import service

SCOPE = "work/ann/monday"
TEXT = "Staging listens on port 6543."
MODEL = "nobody/has-it"


@pytest.fixture(scope="module")
def codec(here: DeepSeekReader) -> PageCodec:
    pages = DeepSeekPages(lambda: here)
    return PageCodec(RuledRenderer(), pages, pages)


@pytest.fixture(scope="module")
def file(codec: PageCodec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of the checkpoint's."""
    path = tmp_path_factory.mktemp("text") / "notes.omem"
    compress(TEXT, Tier.TINY, codec).file.save(path)
    return path


@pytest.fixture(scope="module")
def store(codec: PageCodec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory with a page of the checkpoint's, whatever it misreads there."""
    path = tmp_path_factory.mktemp("memory") / "memory.db"
    with OpticalMemory.open(path, codec=codec, policy=DecayPolicy(write_error=1.0)) as memory:
        memory.append(SCOPE, TEXT)
        memory.flush(SCOPE)
        assert memory.stats(SCOPE).pages == 1
    return path


@pytest.fixture
def address(vllm: VllmServer) -> Iterator[str]:
    yield f"vllm+{vllm.url}"
    build.ruled_codec.cache_clear()


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={"COLUMNS": "80", **environment}).invoke(cli, arguments)


def test_a_text_is_read_without_the_checkpoint(file: Path, codec: PageCodec, address: str) -> None:
    notes = TokenFile.load(file)
    (ours,) = read_pages(notes, codec)
    (theirs,) = read_pages(notes, reader=address)
    assert theirs.text == ours.text
    for command in ("read", "decompress"):
        assert run(command, str(file), "--reader", address).stdout == ours.text
        assert run(command, str(file), OPTIMEM_READER=address).stdout == ours.text


def test_a_memory_is_read_without_the_checkpoint(store: Path, address: str) -> None:
    options = ("--store", str(store), "--model", MODEL)
    for command in (("recall", SCOPE, "port"), ("reconstruct", SCOPE), ("export", SCOPE)):
        assert TEXT in run(*command, *options, "--reader", address).stdout, command
        assert TEXT in run(*command, *options, OPTIMEM_READER=address).stdout, command
    assert "6543" in run("ask", SCOPE, "which port?", *options, "--reader", address).stdout
    assert run("check", *options, "--reader", address).exit_code == 0


def test_an_image_is_encoded_here_and_answered_there(
    here: DeepSeekReader, address: str, tmp_path: Path
) -> None:
    write_image(tmp_path / "a.png")
    settings = {"mode": "tiny", "question": "What is it?", "limit": 30}
    (ours,) = read_document(tmp_path / "a.png", model=here, **settings)
    (theirs,) = read_document(tmp_path / "a.png", model=here, reader=address, **settings)
    assert theirs.text == ours.text
    assert theirs.mode == "tiny"


def test_the_service_reads_without_the_checkpoint(store: Path, address: str) -> None:
    given = ("--namespace", "work", "--model", MODEL, "--reader", address)
    with service(store.parent, *given) as running:
        asked = {"user": "ann", "session": "monday", "query": "port"}
        found = httpx2.post(f"{running.url}/v1/recall", json=asked, timeout=120)
    assert TEXT in found.text


async def test_the_mcp_server_reads_without_the_checkpoint(store: Path, address: str) -> None:
    given = ["--scope", SCOPE, "--store", str(store), "--model", MODEL, "--reader", address]
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "optimem.cli", "mcp", *given], env=dict(os.environ)
    )
    async with Client(parameters) as agent:
        found = await agent.call_tool("recall", {"query": "port"})
    assert "6543" in str(found)


def test_clients_are_installed_with_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--model", MODEL, "--reader", "vllm+http://here:8000"]
    run("mcp", "install", "cursor", "--project", "--yes", *given)
    servers = json.loads(Path(".cursor/mcp.json").read_text())["mcpServers"]
    assert servers["optimem"]["args"][-4:] == given


def test_what_needs_no_server_asks_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = "vllm+http://127.0.0.1:9"
    compress(TEXT, Tier.SMALL).file.save("nano.omem")
    assert run("read", "nano.omem", OPTIMEM_READER=nowhere).stdout == TEXT
    assert next(read_pages(TokenFile.load("nano.omem"), reader=nowhere)).text == TEXT
    refused = run("read", "nano.omem", "--reader", nowhere)
    assert refused.exit_code == 2
    assert "--reader is for pages of DeepSeek-OCR" in refused.stderr
    with OpticalMemory.open("memory.db") as memory:
        memory.append(SCOPE, TEXT)
        memory.flush(SCOPE)
    found = run("recall", SCOPE, "port", "--store", "memory.db", "--reader", nowhere)
    assert TEXT in found.stdout


def test_a_server_that_is_not_there_or_serves_another_is_named(
    file: Path, store: Path, serve: Serve
) -> None:
    for address, why in (
        ("vllm+http://127.0.0.1:9", "127.0.0.1:9"),
        (f"vllm+{serve().url}", f"the model here is '{NAME}"),
    ):
        done = run("read", str(file), "--reader", address)
        assert (done.exit_code, why in str(done.exception)) == (1, True), done
        done = run("reconstruct", SCOPE, "--store", str(store), "--model", MODEL, "--reader",
                   address)  # fmt: skip
        assert TEXT not in done.stdout
    with pytest.raises(ReaderUnavailableError):
        next(read_pages(TokenFile.load(file), reader="vllm+http://127.0.0.1:9"))
