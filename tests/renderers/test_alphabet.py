"""The alphabet: its ids never change, and lookup knows what it lacks."""

from hashlib import sha256

import numpy as np

from optimem.renderers.alphabet import (
    COMMON,
    END,
    ESCAPE,
    MARKS,
    TAIL_RANGES,
    WIDE,
    Alphabet,
    code_points,
    is_wide,
)
from optimem.renderers.dense import DenseRenderer
from optimem.renderers.escapes import Escapes
from optimem.turns import ROLES

ESCAPES = Escapes()
ALPHABET = ESCAPES.alphabet


def test_ids_are_those_that_the_weights_were_trained_with() -> None:
    assert len(ALPHABET) == 1870
    content = "\n".join(ALPHABET.symbols).encode()
    assert sha256(content).hexdigest().startswith("1c2e4fbc5c80c55d")
    assert ALPHABET.id(" ") == 0
    assert [ALPHABET.id(symbol) for symbol in ALPHABET.symbols] == list(range(1870))


def test_common_symbols_come_first_and_no_symbol_twice() -> None:
    assert ALPHABET.symbols[: ALPHABET.common] == COMMON
    assert len(set(ALPHABET.symbols)) == len(ALPHABET)


def test_the_tail_lies_in_its_ranges() -> None:
    allowed = {chr(c) for first, last in TAIL_RANGES for c in range(first, last + 1)}
    assert set(ALPHABET.symbols[ALPHABET.common :]) <= allowed


def test_characters_are_looked_up_and_unknown_ones_are_past_the_end() -> None:
    text = "aé漢\ud800\U0010ffff\n"
    known = [ALPHABET.id(char) for char in "aé\n"]
    unknown = len(ALPHABET)
    assert ALPHABET.lookup(code_points(text)).tolist() == [
        *known[:2],
        unknown,
        unknown,
        unknown,
        known[2],
    ]
    assert ALPHABET.lookup(code_points("")).tolist() == []


def test_marks_stand_for_no_character() -> None:
    assert {ESCAPE, END, WIDE, *(f"<{role}>" for role in ROLES)} == set(MARKS)
    assert [ALPHABET.role_mark(role) for role in ROLES] == [ALPHABET.id(f"<{r}>") for r in ROLES]
    for mark in MARKS:
        spelled = ALPHABET.lookup(code_points(mark))
        assert len(spelled) == len(mark)  # letter by letter
        assert ALPHABET.id(mark) not in spelled


def test_wide_symbols_are_kana_and_cjk_punctuation() -> None:
    wide = {ALPHABET.symbols[index] for index in np.flatnonzero(ESCAPES.wide)}
    assert len(wide) == 179
    assert {"あ", "ン", "。", "「"} <= wide
    assert all(is_wide(symbol) for symbol in wide)
    assert not any(is_wide(symbol) for symbol in ALPHABET.symbols if symbol not in wide)
    assert not is_wide("漢")


def test_a_small_alphabet() -> None:
    small = Alphabet(("a", WIDE, "の"), 1)
    assert small.lookup(code_points("aのb")).tolist() == [0, 2, 3]
    assert small.characters.tolist() == [ord("a"), 0, ord("の")]
    assert small.common == 1


def test_the_alphabet_needs_no_escapes_for_these() -> None:
    renderer = DenseRenderer()
    texts = (
        "ÀÉÎÕÜŷžłđħœæøåßçñ “quotes” ‘single’ – — … •",
        "Ελληνικά: άλφα βήτα ΩΨΞ",
        "Русский, українська: їжак ґанок Ёж",
        "┌─┬─┐│ ║═╬ ▀▄█░▒▓ ←→↑↓ ✓✗ ™©® €£¥ ½ × ÷ ≤≥≠ ∑∫√∞",
    )
    for text in texts:
        assert len(renderer.cells(text)) == len(text), text
    assert len(renderer.cells("ひらがなカタカナ。")) == 2 * 9
