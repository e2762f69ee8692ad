"""The configurations of MCP clients, changed and put back by the command line."""

import json
import os
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from optimem.cli import cli
from optimem.errors import ClientConfigError
from optimem.serve.mcp_clients import CLIENTS, entry, install, uninstall

FILES = {
    "claude-code": (".claude.json", '{"numStartups": 7, "mcpServers": {"a": {"command": "x"}}}'),
    "codex": (".codex/config.toml", '# mine\nmodel = "o"\n\n[mcp_servers.a]\ncommand = "x"  # y\n'),
    "cursor": (".cursor/mcp.json", '{\n  "mcpServers": {\n    "a": {"command": "x"}\n  }\n}\n'),
    "vscode": (".config/Code/User/mcp.json", '{\n  // mine\n  "servers": {\n    "a": {}\n  }\n}\n'),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "OPTIMEM_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path


def run(*arguments: str, typed: str = "") -> str:
    done = CliRunner().invoke(cli, ["mcp", *arguments], input=typed, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("client", CLIENTS)
def test_an_entry_is_shown_written_and_taken_out_again(client: str, home: Path) -> None:
    name, before = FILES[client]
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before)
    path.chmod(0o600)
    assert "+" in run("install", client, "--scope", "work/ann/shop", typed="n\n")
    assert path.read_text() == before
    run("install", client, "--scope", "work/ann/shop", "--store", "notes.db", typed="y\n")
    text = path.read_text()
    assert "work/ann/shop" in text
    assert str(Path("notes.db").absolute()) in text
    assert path.stat().st_mode & 0o777 == 0o600
    run("uninstall", client, "--yes")
    assert path.read_text() == before


@pytest.mark.parametrize("client", CLIENTS)
def test_a_file_that_install_made_is_removed(client: str, home: Path) -> None:
    path = home / FILES[client][0]
    run("install", client, "--yes", "--scope", "work/ann/shop")
    written = path.read_text()
    run("uninstall", client, "--yes")
    assert not path.exists()
    assert run("uninstall", client, "--yes") == ""
    path.write_text(written + "\n")  # somebody was here
    run("uninstall", client, "--yes")
    assert path.exists()
    assert "optimem" not in path.read_text()


@pytest.mark.parametrize(
    "before",
    [
        b'model = "o"', b'model = "o"\n\n', b'# only a note', b'a = 1\r\n\r\n[tail]\r\nx = 1\r\n',
        b'a = 1\r\n[tail]\r\nx = 1', b'[mcp_servers.a]\ncommand = "x"\n\n\n',
    ],
)  # fmt: skip
def test_toml_is_put_back_to_the_byte(before: bytes, home: Path) -> None:
    path = home / ".codex/config.toml"
    path.parent.mkdir()
    path.write_bytes(before)
    run("install", "codex", "--yes")
    text = path.read_bytes()
    assert b"[mcp_servers.optimem]" in text
    assert b"\r\n" not in before or text.count(b"\n") == text.count(b"\r\n")
    run("uninstall", "codex", "--yes")
    assert path.read_bytes() == before


@pytest.mark.parametrize("client", CLIENTS)
def test_a_project_has_a_file_of_its_own(
    client: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)

    def arguments() -> list[str]:
        text = (home / CLIENTS[client].project).read_text()
        found = tomllib.loads(text) if client == "codex" else json.loads(text)
        args: list[str] = found[CLIENTS[client].key]["optimem"]["args"]
        return args

    run("install", client, "--project", "--yes")
    assert arguments()[-3:] == ["mcp", "--scope", "mcp"]
    assert run("install", client, "--project", "--yes") == ""
    answering = ["--server", "http://localhost:8080/v1", "--llm", "small"]
    run("install", client, "--project", "--yes", *answering)
    assert arguments()[-7:] == ["mcp", "--scope", "mcp", *answering]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_of_that_name_which_is_not_ours_is_left_alone(client: str, tmp_path: Path) -> None:
    chosen = CLIENTS[client]
    path = tmp_path / Path(chosen.project).name
    theirs = {chosen.key: {"optimem": {"command": "other", "args": ["mcp"]}}}
    toml = '[mcp_servers.optimem]\ncommand = "other"\n'
    path.write_text(toml if path.suffix == ".toml" else json.dumps(theirs))
    for change in (
        lambda: install(chosen, path, entry(chosen, [])),
        lambda: uninstall(chosen, path),
    ):
        with pytest.raises(ClientConfigError, match="something else"):
            change()


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]"])
def test_a_broken_file_is_named_and_left_alone(content: bytes, tmp_path: Path) -> None:
    for client in ("cursor", "codex"):
        path = tmp_path / Path(CLIENTS[client].project).name
        path.write_bytes(content if client == "cursor" else b"= " + content)
        with pytest.raises(ClientConfigError, match="cannot be changed safely"):
            install(CLIENTS[client], path, {})


def test_a_file_that_changed_since_it_was_shown_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text("{}")
    edit = install(CLIENTS["cursor"], path, {"command": "optimem"})
    path.write_text('{"new": 1}')
    with pytest.raises(ClientConfigError, match="changed meanwhile"):
        edit.make()
    assert path.read_text() == '{"new": 1}'


@pytest.mark.parametrize(
    "text",
    ['mcp_servers = { optimem = {command = "optimem", args = ["mcp"]} }\n', "mcp_servers = 1"],
)
def test_toml_that_is_written_in_another_way_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ClientConfigError, match="cannot be changed safely"):
        install(CLIENTS["codex"], path, {"command": "optimem", "args": ["mcp"]})


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").write_text("{}")
    link = tmp_path / "mcp.json"
    os.symlink(tmp_path / "dotfiles", link)
    install(CLIENTS["cursor"], link, {"command": "optimem"}).make()
    assert link.is_symlink()
    assert "optimem" in (tmp_path / "dotfiles").read_text()
