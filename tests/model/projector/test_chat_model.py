"""The frozen chat model: prompts, logits of padded rows, greedy answers, and what is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimem.errors import FormatError, InputError
from optimem.model.projector.chat_model import ChatModel, Row
from tests.model.projector.conftest import CPU
from tests.model.projector.small import TEMPLATE, WIDTH, write_chat_model


def test_a_prompt_is_the_template_with_vectors_in_place(llm: ChatModel) -> None:
    vectors = torch.randn(3, WIDTH)
    prompt = llm.prompt(vectors, "Who?")
    assert torch.equal(prompt[1:4], vectors)
    ids = llm.ids("<s>\nWho?\n<a>")
    assert torch.equal(torch.cat((prompt[:1], prompt[4:])), llm.embeddings[ids])


def test_logits_do_not_depend_on_what_else_is_asked(llm: ChatModel) -> None:
    rows = [
        Row(llm.prompt(torch.randn(count, WIDTH), "Who?"), llm.target("Maria" * count, ends=True))
        for count in (1, 3, 2)
    ]
    together = llm.logits(rows)
    for row, logits in zip(rows, together, strict=True):
        x = torch.cat((row.prompt, llm.embeddings[row.target]))[None]
        alone = llm.model(inputs_embeds=x).logits[0, len(row.prompt) - 1 : -1]
        assert logits.shape == (len(row.target), len(llm.embeddings))
        assert torch.allclose(logits, alone, atol=1e-4)


def test_greedy_answers_are_those_of_the_likeliest_tokens(llm: ChatModel) -> None:
    prompts = [llm.prompt(torch.randn(count, WIDTH), "Who?") for count in (2, 5)]
    answers = llm.generate(prompts, 12)
    for prompt, ids in zip(prompts, answers, strict=True):
        (logits,) = llm.logits([Row(prompt, torch.tensor(ids))])
        assert logits.argmax(-1).tolist() == ids
        assert llm.generate([prompt], 12) == [ids]


def test_nothing_of_it_is_trained(llm: ChatModel) -> None:
    assert not any(each.requires_grad for each in llm.model.parameters())
    vectors = torch.randn(2, WIDTH, requires_grad=True)
    (logits,) = llm.logits([Row(llm.prompt(vectors, "Who?"), llm.target("x", ends=True))])
    logits.sum().backward()
    assert vectors.grad is not None


def test_a_fingerprint_names_the_embeddings(folder: Path, llm: ChatModel, tmp_path: Path) -> None:
    assert ChatModel.open(folder, CPU, torch.bfloat16).fingerprint == llm.fingerprint
    write_chat_model(tmp_path, seed=1)
    assert ChatModel.open(tmp_path, CPU).fingerprint != llm.fingerprint


def test_what_is_no_chat_model_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        ChatModel.open(tmp_path / "none")
    with pytest.raises(FormatError, match="cannot be loaded as a chat model"):
        ChatModel.open(tmp_path)
    copied = tmp_path / "model"
    copied.mkdir()
    for path in folder.iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    (copied / "chat_template.jinja").unlink()
    with pytest.raises(FormatError, match="holds no chat template"):
        ChatModel.open(copied)
    (copied / "chat_template.jinja").write_text(TEMPLATE)
    tensors = load_file(copied / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(FormatError, match=r"lacks 1 of the model's tensors, such as model\.norm"):
        ChatModel.open(copied)
    (copied / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(FormatError, match="cannot be loaded as a chat model"):
        ChatModel.open(copied)
    (copied / "config.json").write_text(json.dumps({"model_type": "nothing"}))
    with pytest.raises(FormatError, match="cannot be loaded as a chat model"):
        ChatModel.open(copied)
