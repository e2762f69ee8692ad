"""What is kept to the letter, and that finding it takes no longer for one text than another."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.text.exact import exact_values, kept_values


def kept(text: str) -> list[str]:
    return [text[start:end] for start, end in kept_values(text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("we met Anna-Lena in Oslo on a Friday in May", ["Anna-Lena", "Oslo", "Friday", "May"]),
        ("Send it. she said so.\nWednesday 4 May", ["Send", "Wednesday", "4", "May"]),
        ("call max_tokens or maxTokens over HTTP", ["max_tokens", "maxTokens", "HTTP"]),
        ("мы были в Киеве, 漢字", ["Киеве"]),
        ("port 6543 of Rotterdam, see /srv/data/a.txt", ["6543", "Rotterdam", "/srv/data/a.txt"]),
        ("at 2.36 % or $5, says O’Neill", ["2.36", "%", "$", "5", "O’Neill"]),
        (
            "key SHA256:L12O2wXyJ2p1SocxzZMYoA+w1y+3Q5piUdWJwX8Wanx here",
            ["SHA256", "L12O2wXyJ2p1SocxzZMYoA+w1y+3Q5piUdWJwX8Wanx"],
        ),
        ("all of this may fade", []),
        ("run `ls -la` and look", ["`ls -la`"]),
        ("first\n```py\nx = 1\n```\nthen", ["```py\nx = 1\n```"]),
        ("so:\n    return total\nor not", ["    return total\n"]),
        ("for (i = 0; i < n; i++) {\nand so on", ["for (i = 0; i < n; i++) {\n"]),
        ("he said (as one does) that it rained (again)", []),
        ("print(total)\n", []),
        ("", []),
    ],
)
def test_names_and_values_are_kept(text: str, values: list[str]) -> None:
    assert kept(text) == values


@given(st.text(st.sampled_from(list("aB9 .-_/@:\n’é")), max_size=200))
def test_values_are_in_order_and_hold_all_exact_ones(text: str) -> None:
    spans = kept_values(text)
    assert all(a < b <= c < d for (a, b), (c, d) in pairwise(spans))
    for start, end in exact_values(text):
        assert any(first <= start and end <= last for first, last in spans)


@pytest.mark.parametrize("piece", ["a", "A", "a_", "9", "-", "Ab ", "`a\n", "```\n", "~~~a\n```\n"])
def test_one_long_word_takes_no_longer(piece: str) -> None:
    started = time.perf_counter()
    kept_values(piece * (200_000 // len(piece)))
    assert time.perf_counter() - started < 5
