"""Requests that come slowly, or are cut off."""

import asyncio
from collections.abc import AsyncIterator

from tests.serve.client import client
from tests.serve.doors import EchoDoor


async def test_a_request_that_does_not_arrive_is_given_up() -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)
        yield b"x"

    async with client(doors=[EchoDoor()], patience=0.05) as http:
        assert (await http.post("/echo", content=slow())).status_code == 408


async def test_a_large_body_is_refused_by_its_length_and_as_it_comes() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10

    async with client(doors=[EchoDoor()], max_body=100) as http:
        assert (await http.post("/echo", content=b"x" * 100)).text == "100"
        assert (await http.post("/echo", content=b"x" * 101)).status_code == 413
        assert (await http.post("/echo", content=pieces())).status_code == 413
