"""What the processes do: writers append and forget, workers fade, readers check what they read.

A writer notes in its journal, `FOLDER/writer-NUMBER`, what was acknowledged, and what it is about
to forget before it does. A turn's text follows from its id, so that whoever reads it can tell
whether it is right. Everything may be killed at any time; a writer goes on where its journal ends.
"""

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from optimem import DecayPolicy, OpticalMemory, Turn
from optimem.errors import OptimemError
from optimem.protocols import PageCodec
from optimem.results import RecalledTurn
from optimem.testing import plain_codec

SCOPES = [f"faults/user{number % 4}/s{number}" for number in range(12)]
POLICY = DecayPolicy(large=1.0, base=3.0, small=6.0, tiny=9.0)
"""Pages fade within the run."""
FORGET = 25
"""A writer forgets one of so many turns."""


class Journal(NamedTuple):
    """What a writer noted. `acknowledged`: turns by scope, in order, and when, in seconds since the
    epoch. `forgotten`: ids that were, or were about to be."""

    acknowledged: dict[str, dict[str, float]]
    forgotten: set[str]


def codec() -> PageCodec:
    """A model that misreads nothing and takes no time."""
    return plain_codec()


def letters(texts: list[str]) -> list[list[float]]:
    """An embedding model that takes no time, so that vectors are written and merged, too."""
    return [[1.0 + text.count(letter) for letter in "aeilmoprstuw0123"] for text in texts]


def text_of(turn: str) -> str:
    """The text of a turn: a few words or several pages."""
    draw = random.Random(turn)
    return f"{turn} said " + "lorem ipsum " * draw.choice([1, 5, 20, 70])


def read_journal(folder: Path, number: int) -> Journal:
    """A writer's journal; its last line may be incomplete."""
    journal, path = Journal({}, set()), folder / f"writer-{number}"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    for line in lines:
        act, scope, turn, moment = line.split(" ")
        if act == "stored":
            journal.acknowledged.setdefault(scope, {})[turn] = float(moment)
        else:
            journal.forgotten.add(turn)
    return journal


def write(memory: OpticalMemory, folder: Path, number: int) -> None:
    """Append and forget until killed."""
    before = read_journal(folder, number)
    stored = [(scope, turn) for scope, turns in before.acknowledged.items() for turn in turns]
    count = max((int(turn.rpartition(".")[2]) for _, turn in stored), default=-1) + 1
    descriptor = os.open(folder / f"writer-{number}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        scope, turn = SCOPES[(count // 3 + number) % len(SCOPES)], f"w{number}.{count}"
        _until_done(partial(memory.append, scope, Turn(text=text_of(turn), id=turn)))
        os.write(descriptor, f"stored {scope} {turn} {time.time():.3f}\n".encode())
        stored.append((scope, turn))
        if count % FORGET == FORGET - 1:
            scope, turn = stored[random.randrange(len(stored))]
            if turn not in before.forgotten:
                before.forgotten.add(turn)
                os.write(descriptor, f"forget {scope} {turn} {time.time():.3f}\n".encode())
                _until_done(partial(_forget, memory, scope, turn))
        count += 1


def _forget(memory: OpticalMemory, scope: str, turn: str) -> None:
    if memory.holds(scope, [turn]) == [True]:
        memory.forget(scope, turn=turn)


def _until_done(act: Callable[[], object]) -> None:
    """Do it again while the store is away."""
    while True:
        try:
            act()
            return
        except OptimemError:
            time.sleep(0.05)


def read(memory: OpticalMemory, folder: Path, writers: int) -> None:
    """Read and check until killed; every read, and what is wrong, is noted in `FOLDER/readers`."""
    descriptor = os.open(folder / "readers", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        scope = random.choice(SCOPES)
        journals = [read_journal(folder, number) for number in range(writers)]
        try:
            turns = memory.reconstruct(scope)
        except OptimemError:
            time.sleep(0.05)
            continue
        after = [read_journal(folder, number).forgotten for number in range(writers)]
        for wrong in faults(scope, turns, journals, set().union(*after)):
            os.write(descriptor, f"{scope}: {wrong}\n".encode())
        os.write(descriptor, b"read\n")


def faults(
    scope: str, turns: list[RecalledTurn], journals: list[Journal], forgotten: set[str]
) -> Iterator[str]:
    """What is wrong with a scope as it was read: all that was acknowledged before must be there,
    once, in its writer's order, with its text; but what may have been forgotten may be gone."""
    ids = [turn.id for turn in turns]
    if len(set(ids)) < len(ids):
        yield "doubled"
    for turn in turns:
        if turn.text != text_of(turn.id) and turn.id not in forgotten:
            kind = "cut" if text_of(turn.id).startswith(turn.text) else "wrong"
            yield f"{kind}: {turn.id}"
    places = {turn: place for place, turn in enumerate(ids)}
    for journal in journals:
        wanted = [t for t in journal.acknowledged.get(scope, {}) if t not in forgotten]
        yield from (f"lost: {turn}" for turn in wanted if turn not in places)
        order = [places[turn] for turn in wanted if turn in places]
        if order != sorted(order):
            yield "out of order"


def play(role: str, url: str, folder: Path, number: int) -> None:
    """Play a role until killed. `number`: of the writer; for a reader, how many writers there
    are."""
    logging.disable()
    while True:
        try:
            memory = OpticalMemory.open(url, codec=codec(), policy=POLICY, embeddings=letters)
            break
        except OptimemError:
            time.sleep(0.1)
    if role == "writer":
        write(memory, folder, number)
    elif role == "reader":
        read(memory, folder, number)
    else:
        memory.work(idle=0.2, lease=3.0)
