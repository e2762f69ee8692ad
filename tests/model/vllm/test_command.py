"""The command that starts a server, and what is found of a running one."""

import json
import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.vllm.server import WIDTH, VllmServer
from optimem.cli import cli
from optimem.errors import InputError
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.vllm.checking import check_server
from optimem.model.vllm.command import NGRAM_PROCESSOR, server_command
from optimem.model.vllm.reader import VllmReader
from tests.model.vllm.conftest import Serve


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["server-command", *arguments])


def test_the_command_is_a_line_for_a_shell(checkpoint: Path, here: DeepSeekReader) -> None:
    done = run(str(checkpoint), "--port", "8123")
    words = shlex.split(done.stdout.replace("\\\n", ""))
    assert words[:3] == ["vllm", "serve", str(checkpoint)]
    options = dict(pairwise(words))
    assert options["--served-model-name"] == here.fingerprint
    assert json.loads(options["--limit-mm-per-prompt"]) == {"image": 0}
    assert options["--logits-processors"] == NGRAM_PROCESSOR
    assert (options["--port"], options["--host"]) == ("8123", "127.0.0.1")
    assert (options["--max-model-len"], options["--dtype"]) == ("8192", "auto")
    assert "--enforce-eager" not in words
    assert all(len(line) <= 102 for line in done.stdout.splitlines())


def test_a_cpu_has_settings_of_its_own(checkpoint: Path) -> None:
    words = shlex.split(run(str(checkpoint), "--cpu").stdout.replace("\\\n", ""))
    assert words[0] == "VLLM_CPU_KVCACHE_SPACE=4"
    assert words[words.index("--block-size") + 1] == "32"


def test_what_cannot_be_served_is_named(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(InputError, match=r"holds no tokenizer\.json"):
        server_command(str(tmp_path))
    with pytest.raises(InputError, match="dtype int8"):
        server_command(str(checkpoint), dtype="int8")
    assert run(str(checkpoint), "--compare").exit_code == 2
    assert run(str(checkpoint), "--positions", "99999").exit_code == 2


def test_each_thing_a_server_lacks_is_named_with_the_remedy(
    serve: Serve, checkpoint: Path, here: DeepSeekReader
) -> None:
    server = serve(name="m", version="0.22.1", width=WIDTH, positions=4096, bans=False)
    done = run(str(checkpoint), "--check", f"vllm+{server.url}?model=m")
    assert done.exit_code == 1
    said = done.stdout.splitlines()
    for line, (verdict, text) in zip(
        said,
        [("no", "install 0.24 or later"), ("ok", "takes vision tokens"), ("ok", "on your word"),
         ("ok", "1280 dimensions"), ("no", "--max-model-len 8192"), ("no", NGRAM_PROCESSOR),
         ("ok", "on this machine"), ("ok", "a page of 273 positions"), ("no", "open /metrics")],
        strict=True,
    ):  # fmt: skip
        assert line.startswith(verdict), line
        assert text in line, line


def test_a_server_that_does_not_say_what_it_serves_is_not_asked(
    serve: Serve, checkpoint: Path
) -> None:
    server = serve(name="m", width=WIDTH, positions=8192)
    found = list(check_server(server.url, str(checkpoint)))
    (bad,) = (each.text for each in found if not each.good)
    assert bad.startswith("pages of this checkpoint were written by")
    assert server.questions == []
    with pytest.raises(SystemExit) as left:
        cli(["server-command", str(checkpoint), "--check", server.url], standalone_mode=False)
    assert left.value.code == 1


def test_a_server_without_vision_tokens_ends_the_check(serve: Serve, checkpoint: Path) -> None:
    (finding,) = check_server(serve(embeds=False).url, str(checkpoint))
    assert not finding.good
    assert "--enable-prompt-embeds" in finding.text
    (finding,) = check_server("http://127.0.0.1:9", str(checkpoint))
    assert "is the server running" in finding.text


def test_another_checkpoint_and_width_are_found(serve: Serve, checkpoint: Path) -> None:
    found = list(check_server(serve(width=64).url, str(checkpoint)))
    texts = [each.text for each in found if not each.good]
    assert any("serve the checkpoint that wrote them" in text for text in texts)
    assert any("those of the checkpoint have 1280" in text for text in texts)


def test_a_server_without_a_key_that_others_reach_is_found(
    serve: Serve, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimem.model.vllm.address.VllmAddress.is_here", False)
    guard = "on this machine or needs a key"
    server = serve(width=WIDTH)
    assert not any(guard in each.text for each in check_server(server.url, str(checkpoint)))
    monkeypatch.setenv("VLLM_API_KEY", "k")
    assert any(guard in each.text for each in check_server(server.url, str(checkpoint)))


def test_a_real_server_lacks_what_it_was_not_given(
    vllm: VllmServer, checkpoint: Path, here: DeepSeekReader
) -> None:
    found = list(check_server(vllm.url, str(checkpoint), here=lambda: here))
    assert [each.text for each in found if not each.good] == [
        "it takes 4096 positions, 14 pages at Base: the model has 8192, start it with "
        "--max-model-len 8192"
    ]
    assert found[-1].text == "its 32 likeliest tokens are those of the checkpoint here"
    assert found[-2].text == "asked again, 256 of 274 positions came from its prefix cache"


def test_other_weights_are_found(vllm: VllmServer, checkpoint: Path, here: DeepSeekReader) -> None:
    """Whoever vouches for another model is told."""

    class Other(DeepSeekReader):
        def answer(self, *arguments: object, **options: object) -> list[object]:  # type: ignore[override]
            return [replace(here.answer(*arguments)[0], pieces=())]  # type: ignore[arg-type]

    other = Other(here.model, here.tokenizer)
    last = list(check_server(vllm.url, str(checkpoint), here=lambda: other))[-1]
    assert (last.good, "other weights are served" in last.text) == (False, True)


def test_a_reader_without_metrics(serve: Serve) -> None:
    assert VllmReader.at(serve().url).metric("vllm:anything") is None
