"""Addresses of servers."""

import pytest

from optimem.errors import InputError
from optimem.model.vllm import is_address
from optimem.model.vllm.address import VllmAddress


@pytest.mark.parametrize(
    ("text", "url", "model"),
    [
        ("vllm+http://host:8000", "http://host:8000", None),
        ("vllm+https://host/gate/v1/", "https://host/gate", None),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000", None),
        ("vllm+http://[::1]:80?model=a/b", "http://[::1]:80", "a/b"),
        (" http://h ", "http://h", None),
    ],
)
def test_addresses(text: str, url: str, model: str | None) -> None:
    assert VllmAddress.parse(text, {}) == VllmAddress(url, model)


@pytest.mark.parametrize(
    "text",
    ["", "host:8000", "vllm+ftp://host", "vllm+http://", "vllm+http://h:port", "redis://host",
     "http://h?model=a&model=b", "http://h?timeout=3", "http://h#m", "http://[::1"],
)  # fmt: skip
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(InputError, match=r"write vllm\+http://host:8000"):
        VllmAddress.parse(text, {})


def test_a_password_does_not_go_into_messages() -> None:
    with pytest.raises(InputError, match="VLLM_API_KEY") as raised:
        VllmAddress.parse("vllm+http://ann:secret@host", {})
    assert "secret" not in str(raised.value)


def test_the_key_is_of_the_environment_and_not_shown() -> None:
    address = VllmAddress.parse("http://h", {"VLLM_API_KEY": "k-1"})
    assert address.key == "k-1"
    assert "k-1" not in repr(address)


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.1.2.3", True), ("[::1]", True), ("10.0.0.1", False), ("h", False)],
)
def test_only_loopback_is_here(host: str, here: bool) -> None:
    assert VllmAddress.parse(f"http://{host}:1", {}).is_here is here


def test_only_a_scheme_makes_a_name_an_address() -> None:
    assert is_address("vllm+http://h")
    assert not is_address("http://h")
    assert not is_address("deepseek-ai/DeepSeek-OCR")
