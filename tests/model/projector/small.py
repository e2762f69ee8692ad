"""A chat model of two layers with a token for each character, and stored pages to ask it about."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from optimem.build import nano
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.network import Projector, ProjectorConfig
from optimem.model.projector.weights import ProjectorFile, TrainedFor
from optimem.omem.text import TextPage, TokenFile, write_pages
from optimem.protocols import PageCodec
from optimem.tiers import Tier

TEMPLATE = (
    "{% for message in messages %}{{ '<s>' + message['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<a>' }}{% endif %}"
)
SPECIAL = ["<s>", "</s>", "<a>"]
WIDTH = 128
TEXT = "The key of the red door is 4821. The blue door has none, said Maria to Peter. " * 200


def write_chat_model(folder: Path, seed: int = 0) -> None:
    """Random weights, spread widely, so that what is in a prompt matters."""
    characters = ["\n", *map(chr, range(32, 127))]
    tokenizer = Tokenizer(models.BPE({c: at for at, c in enumerate(SPECIAL + characters)}, []))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(SPECIAL)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(SPECIAL + characters), hidden_size=WIDTH, intermediate_size=256,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=2048, initializer_range=0.15, bos_token_id=0, eos_token_id=1,
        pad_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)


def write_projector(path: Path, llm: ChatModel) -> Path:
    """A random projector for a small chat model, at Small."""
    torch.manual_seed(0)
    projector = Projector(ProjectorConfig(features=64, width=WIDTH, hidden=128), llm.size)
    known = TrainedFor(nano().fingerprint, Tier.SMALL, llm.fingerprint)
    ProjectorFile(projector, known).save(path)
    return path


@cache
def stored_page(tier: Tier = Tier.SMALL, characters: int = 12_800) -> TextPage:
    """A page of the text, stored by `optimem-nano`."""
    cells = nano().renderer.cells(TEXT[:characters])
    codec = PageCodec(nano().renderer, nano(), nano())
    (written,) = write_pages([cells], tier, codec, lambda reading, count: np.ones(count, bool))
    return written.page


def token_file(*pages: TextPage) -> TokenFile:
    """A file of stored pages."""
    tokens = pages[0].tokens
    return TokenFile(pages, tokens.tier, tokens.fingerprint, complete=True)
