"""`optimem compress` and `optimem compress-prompt`, run as a user runs them."""

import json
from pathlib import Path

import pytest

from optimem.omem.text import TokenFile
from tests.cli.command import run

NOTES = "The staging database listens on port 6543.\nSecond line: naïve café, 30 % off.\n" * 20
LOG = "The keeper wrote down every ship that passed, its name and the hour. " * 60


def test_a_file_of_tokens_and_what_it_cost(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(NOTES, "utf-8")
    done = run("compress", str(tmp_path / "notes.txt"), "--tier", "large", "--json")
    assert done.returncode == 0, done.stderr
    report, path = json.loads(done.stdout), tmp_path / "notes.omem"
    fields = (
        "pages text_tokens vision_tokens positions ratio ratio_positions text_bytes zstd_bytes "
        "stored_bytes seconds"
    )
    assert set(fields.split()) <= set(report)
    assert (report["pages"], report["vision_tokens"], report["positions"]) == (1, 400, 421)
    assert report["text_bytes"] == len(NOTES.encode())
    assert report["stored_bytes"] == path.stat().st_size
    assert report["file"] == str(path)
    data = path.read_bytes()
    assert b"staging" not in data
    assert b"6543" not in data


def test_standard_input_needs_a_name_for_the_file(tmp_path: Path) -> None:
    out = tmp_path / "notes.omem"
    done = run("compress", "-", "-o", str(out), stdin=b"from a pipe")
    assert done.returncode == 0, done.stderr
    assert f"- → {out}" in done.stdout.decode().replace("\n", "")
    assert len(TokenFile.load(out).pages) == 1
    piped = run("compress", "-", "-o", "-", stdin=b"from a pipe")
    assert piped.stdout == out.read_bytes()
    assert b"vision tokens" in piped.stderr
    assert run("read", "-", stdin=piped.stdout).stdout == b"from a pipe"
    assert run("decompress", "-", "-o", "-", stdin=piped.stdout).stdout == b"from a pipe"
    done = run("compress", "-", stdin=b"x")
    assert (done.returncode, b"needs -o FILE.omem" in done.stderr) == (2, True)


def test_each_text_becomes_a_file_of_its_own(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    for name in names:
        Path(name).write_text(f"text of {Path(name).name}")
    done = run("compress", *names, "--json")
    assert done.returncode == 0, done.stderr
    files = [report["file"] for report in json.loads(done.stdout)]
    assert files == [str(tmp_path / "a.omem"), str(tmp_path / "b.omem")]
    assert run("read", *files).stdout == b"text of a.txttext of b.txt"
    done = run("compress", *names, "-o", str(tmp_path / "one.omem"))
    assert (done.returncode, b"leave out -o" in done.stderr) == (2, True)
    (tmp_path / "a.md").write_text("text")
    done = run("compress", names[0], str(tmp_path / "a.md"))
    assert (done.returncode, b"would be written to" in done.stderr) == (2, True)


def test_messages_are_known_on_standard_input() -> None:
    said = json.dumps([{"role": "user", "content": LOG * 3}, {"role": "user", "content": "?"}])
    done = run("compress-prompt", "-", "--model", "gpt-4o", stdin=said.encode())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[-1] == {"role": "user", "content": "?"}


def test_an_option_for_images_is_refused_for_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    done = run("compress", str(tmp_path / "a.txt"), "--packing", "int4")
    assert done.returncode == 2
    assert b"--packing is for images; leave it out here" in done.stderr


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", b"is empty"), (b"abc\xff\xfe", b"byte 3 is 0xff")],
)
def test_bad_input_is_named_and_writes_nothing(tmp_path: Path, data: bytes, message: bytes) -> None:
    source = tmp_path / "bad.txt"
    source.write_bytes(data)
    done = run("compress", str(source))
    assert done.returncode == 1
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.txt"]


def test_a_text_becomes_messages_ready_to_send(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(LOG, "utf-8")
    asked = ("-q", "Which came last?")
    done = run("compress-prompt", str(tmp_path / "log.txt"), "--model", "gpt-4o", *asked)
    assert done.returncode == 0, done.stderr
    (message,) = json.loads(done.stdout)
    assert message["content"][-1]["text"] == "Which came last?"
    assert message["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "tokens (" in done.stderr.decode()


def test_messages_and_pages_in_a_folder(tmp_path: Path) -> None:
    given = [{"role": "user", "content": LOG * 3}, {"role": "user", "content": "Which came last?"}]
    (tmp_path / "chat.json").write_text(json.dumps({"messages": given}), "utf-8")
    out = tmp_path / "out"
    done = run(
        "compress-prompt", str(tmp_path / "chat.json"), "--model", "claude-opus-4-8",
        "--budget", "1800", "-o", str(out), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["plan"]
    assert plan["tokens_after"] <= 1800 < plan["tokens_before"]
    assert len(list(out.glob("page-*.png"))) == plan["pages"]
    messages = json.loads((out / "messages.json").read_text("utf-8"))
    assert messages[-1] == given[-1]
    assert messages[0]["content"][1]["source"]["media_type"] == "image/png"


@pytest.mark.parametrize(
    ("content", "model", "message"),
    [("short", "gpt-4o", "pages would save nothing"), (LOG, "my-own", "no rule says"),
     ("{", "gpt-4o", "is not JSON"), ('{"a": 1}', "gpt-4o", "holds no messages")],
)  # fmt: skip
def test_refusals_name_the_remedy(content: str, model: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / ("request.json" if content.startswith("{") else "text.txt")
    path.write_text(content, "utf-8")
    done = run("compress-prompt", str(path), "--model", model)
    assert done.returncode == 1
    assert not done.stdout
    assert message in done.stderr.decode()


def test_the_table_of_models_needs_no_input() -> None:
    shown = run("compress-prompt", "--list-models", COLUMNS="120").stdout.decode()
    row = next(line for line in shown.splitlines() if line.split()[:1] == ["gpt-4o"])
    assert "85 + 170 per 512 px tile" in row
    assert "2026-" in row
    assert "https://" in shown
    narrow = run("compress-prompt", "--list-models", COLUMNS="80").stdout.decode()
    table, _, _ = narrow.partition("Prices and formulas")
    assert max(map(len, table.splitlines())) <= 80
