"""Newer checkpoints on a server: the folder that is served, and answers id for id as here."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from click.testing import CliRunner
from PIL import Image

from benchmarks.vllm.server import WIDTH, write_tokenizer
from optimem.cli import cli
from optimem.errors import FormatError, InputError
from optimem.model.deepseek_ocr.generation import GenerationSettings, NoRepeat
from optimem.model.deepseek_ocr.images import MODES
from optimem.model.deepseek_ocr.prompts import FREE_OCR, ask
from optimem.model.transformers_ocr.kinds import KINDS
from optimem.model.transformers_ocr.reader import TransformersReader
from optimem.model.vllm.checkpoints import Checkpoint
from optimem.model.vllm.command import server_command
from optimem.model.vllm.reader import VllmReader
from optimem.model.vllm.vectors import as_sent
from tests.model.transformers_ocr.small import randomised, small_configuration
from tests.model.vllm.conftest import ANSWER, Open, Serve, stored
from tests.model.vllm.served import start_server

TEXT = {
    "vocab_size": 320, "hidden_size": WIDTH, "intermediate_size": 256, "num_hidden_layers": 2,
    "num_attention_heads": 10, "num_key_value_heads": 10, "moe_intermediate_size": 64,
    "mlp_layer_types": ["dense", "sparse"],
}  # fmt: skip
SHORT = GenerationSettings(limit=200)


def saved(kind: str, folder: Path, **text: Any) -> Path:
    """A small random checkpoint of a width that vLLM takes, as transformers saves it."""
    config = small_configuration(kind, **TEXT, **text)
    randomised(transformers.AutoModelForImageTextToText.from_config(config)).save_pretrained(folder)
    write_tokenizer(folder, 320)
    return folder


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DeepSeek-OCR 2."""
    return saved("deepseek_ocr2", tmp_path_factory.mktemp("second") / "checkpoint")


def test_deepseek_ocr_2_answers_as_here(second: Path) -> None:
    kind = KINDS["deepseek_ocr2"]
    here = TransformersReader.open_kind(
        second, kind, device=torch.device("cpu"), dtype=torch.float32
    )
    torch.manual_seed(0)
    noise = torch.randint(0, 256, (2, 48, 64, 3), dtype=torch.uint8)
    images = [Image.fromarray(each.numpy()) for each in noise]
    pages = [
        replace(page, tokens=as_sent(page.tokens).float())
        for page in here.encode(images, MODES["small"])
    ]
    server = start_server(second)
    there = VllmReader.at(f"vllm+{server.url}")
    try:
        assert there.fingerprint == here.fingerprint
        for prompt, asked in ((FREE_OCR, pages[:1]), (ask("What changed?", 2), pages)):
            ours = here.answer_together(asked, prompt, SHORT)
            theirs = there.answer_together(asked, prompt, SHORT)
            assert (theirs.text, theirs.finish) == (ours.text, ours.finish)
            assert len(ours.text) > 100
        check = ["server-command", str(second), "--check", f"vllm+{server.url}"]
        done = CliRunner().invoke(cli, check)
        assert "it serves" in done.stdout, done.output
        assert "no it takes 4096 positions" in done.stdout.replace("  ", " ")
        assert done.stdout.count("\nno") == 1
    finally:
        there.close()
        server.stop()


def test_a_folder_is_made_of_links_and_a_configuration(second: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name a new folder for it, .*--out"):
        server_command(str(second))
    out = tmp_path / "served"
    for _ in range(2):  # again is as once
        command = server_command(str(second), out=out)
        assert command.folder == str(out)
        assert (out / "model.safetensors").samefile(second / "model.safetensors")
        assert (out / "model.safetensors").is_symlink()
    config = json.loads((out / "config.json").read_text())
    assert config["architectures"] == ["DeepseekOCR2ForCausalLM"]
    assert config["language_config"]["first_k_dense_replace"] == 1
    assert Checkpoint.at(out) == replace(Checkpoint.at(second), folder=out, published=True)
    assert server_command(str(out)).folder == str(out)
    with pytest.raises(InputError, match="own folder; name another"):
        server_command(str(second), out=second)
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="cannot be made a folder"):
        server_command(str(second), out=tmp_path / "taken")


def test_unlimited_ocr_is_served_on_gpus_with_its_window(tmp_path: Path) -> None:
    folder = saved("unlimited_ocr", tmp_path / "checkpoint", max_position_embeddings=32768)
    with pytest.raises(InputError, match="vLLM serves unlimited-ocr on GPUs only"):
        server_command(str(folder), cpu=True, out=tmp_path / "served")
    command = server_command(str(folder), positions=32768, out=tmp_path / "served")
    assert command.arguments[1].startswith("unlimited-ocr-")
    config = json.loads((tmp_path / "served" / "config.json").read_text())
    assert config["architectures"] == ["UnlimitedOCRForCausalLM"]
    assert config["rswa_window"] == 8
    with pytest.raises(InputError, match="40000 positions"):
        server_command(str(folder), positions=40000, out=tmp_path / "served")


def test_its_rule_against_repetition_goes_along(serve: Serve, connect: Open) -> None:
    name = "unlimited-ocr-0123456789abcdef"
    server = serve(name=name, answer=ANSWER)
    connect(server).answer([stored(name=name)])
    connect(server).answer([stored(name=name)], settings=GenerationSettings(no_repeat=NoRepeat(9)))
    sizes = [each["vllm_xargs"]["ngram_size"] for each in server.questions]
    windows = [each["vllm_xargs"]["window_size"] for each in server.questions]
    assert (sizes, windows) == ([35, 9], [128, 90])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"attention_bias": True}, "text_config.attention_bias is True"),
        ({"routed_scaling_factor": 2.0}, "routed_scaling_factor is 2.0"),
        ({"mlp_layer_types": ["sparse", "dense"]}, "mlp_layer_types is"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rope_parameters is"),
        ({"rope_parameters": None}, "rope_parameters is None"),
        ({"hidden_size": "1280"}, "hidden_size is '1280', not a size"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0, not a size"),
    ],
)
def test_what_vllm_would_compute_otherwise_is_refused(
    second: Path, tmp_path: Path, text: dict[str, Any], message: str
) -> None:
    for path in second.iterdir():
        (tmp_path / path.name).symlink_to(path)
    config = json.loads((second / "config.json").read_text())
    config["text_config"] |= text
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(FormatError, match=message):
        server_command(str(tmp_path), out=tmp_path / "served")
