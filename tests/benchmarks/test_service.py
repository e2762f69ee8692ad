"""The command of the service's load and of the MCP server's start, on a small scale."""

from pathlib import Path

from benchmarks.service import ends_with_a_killed_client, serve_and_stop, servers, starts


async def test_a_loaded_service_that_is_stopped_loses_nothing(tmp_path: Path) -> None:
    load, lost, code = await serve_and_stop(tmp_path, clients=2, seconds=1.0)
    assert (lost, load.hung, code) == (0, 0, 0)
    assert load.acknowledged
    assert load.statuses["connection closed"] == 2


def test_servers_are_started_in_turns_and_leave_nothing_behind(tmp_path: Path) -> None:
    found = starts(tmp_path, 1)
    assert list(found) == ["optimem mcp", "empty server"]
    for (start,) in found.values():
        assert start.gone
        assert start.cpu > 0
        assert start.resident > 1 << 20


def test_a_server_ends_with_a_client_that_is_killed(tmp_path: Path) -> None:
    assert ends_with_a_killed_client(servers(tmp_path)["optimem mcp"])
