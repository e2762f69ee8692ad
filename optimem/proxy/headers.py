"""Which headers go on to the provider and back: all but those of one connection, and our own."""

from collections.abc import Iterable, Iterator

RawHeaders = Iterable[tuple[bytes, bytes]]
"""Names and values as they stand on the wire."""

PREFIX = b"x-optimem-"
"""What the names of our own headers start with: requests bring them to us, not to a provider."""
HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
"""Of one connection (RFC 9110, 7.6.1), besides those that a Connection header names."""


def request_headers(given: RawHeaders, host: bytes, chunked: bool) -> list[tuple[bytes, bytes]]:
    """The headers of a request as they go on. `host`: of the provider. `chunked`: whether the body
    comes without a length."""
    kept = [
        (name, value)
        for name, value in _of_message(given)
        if not name.lower().startswith(PREFIX) and name.lower() not in (b"host", b"expect")
    ]
    framing = [(b"transfer-encoding", b"chunked")] if chunked else []
    return [(b"host", host), *kept, *framing]


def response_headers(given: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The headers of an answer as they go back, with names in lower case, as ASGI asks for."""
    return [(name.lower(), value) for name, value in _of_message(given)]


def find(given: RawHeaders, name: bytes) -> str:
    """The value of a header; "" if it is missing."""
    return next((value.decode("latin-1") for key, value in given if key.lower() == name), "")


def replaced(given: RawHeaders, name: bytes, value: bytes) -> list[tuple[bytes, bytes]]:
    """The headers with one of them set."""
    return [*((key, old) for key, old in given if key.lower() != name), (name, value)]


def _of_message(given: RawHeaders) -> Iterator[tuple[bytes, bytes]]:
    """Those that belong to the message, not to the connection."""
    headers = list(given)
    named = find(headers, b"connection").lower().encode("latin-1").split(b",")
    dropped = HOP | {name.strip() for name in named}
    return ((name, value) for name, value in headers if name.lower() not in dropped)
