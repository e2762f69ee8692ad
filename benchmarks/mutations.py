"""Damaged and forged records, items and files through every way of reading them.

    python -m benchmarks.mutations --cases 10000 [--seed 1] [--model optimem-nano]

prints how many cases were read, how many were refused by name (FormatError and its kin), and every
other error with the number of its cases, the seed of one and where it was raised. Exits with 1 if
there are any. Without `--model` the model is the plain one of `optimem.testing`.

Half of the cases are damaged: bits flipped, pieces cut, doubled or moved, or another record in its
place. The other half is forged: sections, or what is in them under zstd or as JSON, are changed,
and the checksum is right again. Each case is read in two ways, drawn at random.
"""

import argparse
import json
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any, NamedTuple

import zstandard

from optimem import build
from optimem.api.files import read_pages
from optimem.api.memory import OpticalMemory
from optimem.errors import FormatError
from optimem.items.collection import Collection, ItemQuery, new_item
from optimem.items.names import Address
from optimem.memory.decay import DAY
from optimem.memory.records import entry_place
from optimem.omem.container import (
    ContainerKind,
    compress,
    decompress,
    pack_container,
    unpack_container,
)
from optimem.omem.text import TokenFile
from optimem.protocols import Change, Entry, PageCodec
from optimem.testing import InMemoryStore, plain_codec
from optimem.tiers import Tier
from optimem.turns import Scope

NOW = 1_700_000_000.0
SCOPE = "attacked"
WORDS = "The staging database listens on port 6543; ask id 77-a9 of Zoë, or café 12.\n"
NUMBERS = (
    -1,
    0,
    1,
    255,
    65_535,
    2**31,
    2**63,
    10**400,
    -0.5,
    1e308,
    float("nan"),
    True,
    None,
    "",
    "é",
)
ZSTD = b"\x28\xb5\x2f\xfd"


class ForgedStore(InMemoryStore):
    """A store that shows one entry with another value, and then takes no changes."""

    forged: tuple[Scope, str, bytes] | None = None

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """See `Store`."""
        found = super().get(scope, keys)
        if self.forged is None or self.forged[0] != scope:
            return found
        _, key, value = self.forged
        return [
            entry._replace(value=value) if entry and entry.key == key else entry for entry in found
        ]

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """See `Store`."""
        if self.forged is None:
            super().commit(scope, changes)


class Victim(NamedTuple):
    """Bytes to attack: those of `kind` at `place`. `others`: what may stand in their place.
    `reads`: given the bytes, everything that reads them."""

    kind: ContainerKind
    place: bytes
    data: bytes
    others: list[bytes]
    reads: Callable[[bytes], Iterator[Callable[[], object]]]


def victims(codec: PageCodec) -> list[Victim]:
    """The entries of a memory with faded and fresh pages and a tail, of items, and a file."""
    store = ForgedStore()
    memory = OpticalMemory(store, codec, clock=lambda: NOW)
    for number in range(6):
        memory.append(SCOPE, {"id": f"t{number}", "text": f"{number}: {WORDS}" * 2})
    memory.flush(SCOPE)
    memory.sweep(now=NOW + 40 * DAY)
    memory.append(SCOPE, [{"id": "new", "text": WORDS * 30}, {"id": "tail", "text": WORDS}])
    memory.flush(SCOPE)
    memory.append(SCOPE, {"id": "last", "role": "tool", "text": WORDS})
    items = {Address(("n",), key): new_item({"text": WORDS * 9}, [["text"]], 60.0) for key in "ab"}
    Collection(store).write(items, NOW)
    held = [
        (scope, entry)
        for scope in list(store.scopes())
        for entry in store.get(scope, [info.key for info in store.entries(scope)])
        if entry
    ]
    values = [entry.value for _, entry in held]
    tokens = codec.encoder.encode([codec.renderer.page(codec.renderer.cells(WORDS))], Tier.SMALL)
    data = TokenFile(tokens * 2, Tier.SMALL, codec.encoder.fingerprint).to_bytes()
    file = Victim(ContainerKind.TOKEN_FILE, b"", data, values, partial(_file_reads, codec))
    return [file, *(_entry(store, codec, scope, entry, values) for scope, entry in held)]


def _entry(
    store: ForgedStore, codec: PageCodec, scope: Scope, entry: Entry, values: list[bytes]
) -> Victim:
    kind = next(kind for kind in ContainerKind if kind.code == entry.value[5:6])

    def reads(value: bytes) -> Iterator[Callable[[], object]]:
        store.forged = (scope, entry.key, value)
        yield from _item_reads(store) if str(scope) != SCOPE else _reads(store, codec)

    return Victim(kind, entry_place(scope, entry.key), entry.value, values, reads)


def _reads(store: ForgedStore, codec: PageCodec) -> Iterator[Callable[[], object]]:
    memory = OpticalMemory(store, codec, clock=lambda: NOW + 50 * DAY)
    yield lambda: memory.reconstruct(SCOPE)
    yield lambda: memory.recall(SCOPE, "staging port", following=1)
    yield lambda: memory.answer(SCOPE, "which port does staging listen on?")
    yield lambda: memory.holds(SCOPE, ["t1", "tail", "x"])
    yield lambda: memory.stats()
    yield lambda: memory.sweep(dry_run=True)
    yield lambda: memory.pin(SCOPE, "t1")
    yield lambda: memory.append(SCOPE, {"id": "x", "text": "one more"})
    yield lambda: memory.forget(SCOPE, turn="t1")
    yield lambda: memory.forget(SCOPE, turn="last")


def _item_reads(store: ForgedStore) -> Iterator[Callable[[], object]]:
    items, both = Collection(store), [Address(("n",), key) for key in "ab"]
    yield lambda: [item and item.value for item in items.get(both, NOW + 1)]
    yield lambda: items.search(ItemQuery(("n",), "staging port"), NOW + 1)
    yield lambda: items.touch([item for item in items.get(both, NOW + 1) if item], NOW + 2)
    yield lambda: items.namespaces((), NOW + 1)
    yield lambda: items.sweep(NOW + 99)


def _file_reads(codec: PageCodec, data: bytes) -> Iterator[Callable[[], object]]:
    yield lambda: [page.text for page in read_pages(TokenFile.from_bytes(data), codec)]


def mutated(victim: Victim, draw: Random) -> bytes:
    """The victim's bytes, damaged or forged."""
    if draw.random() < 0.5:
        return draw.choice(victim.others) if draw.random() < 0.1 else _damaged(victim.data, draw)
    with unpack_container(victim.kind, victim.data, place=victim.place) as found:
        sections = list(found)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        at = draw.randrange(len(sections)) if sections else 0
        match draw.randrange(12) if sections else 0:
            case 0:
                sections.insert(at, draw.randbytes(draw.randrange(20)))
            case 1:
                del sections[at]
            case 2:
                draw.shuffle(sections)
            case 3 | 4:
                sections[at] = _damaged(sections[at], draw)
            case _:
                sections[at] = _forged(sections[at], draw)
    return pack_container(victim.kind, sections, victim.place)


def _damaged(data: bytes, draw: Random) -> bytes:
    start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    piece, at = data[start:end], draw.randrange(len(data) + 1)
    match draw.randrange(4):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:at] + piece + data[at:]
        case 2:
            return data[:start] + draw.randbytes(end - start) + data[end:]
    flipped = bytearray(data or b"\0")
    flipped[at % len(flipped)] ^= 1 << draw.randrange(8)
    return bytes(flipped)


def _forged(section: bytes, draw: Random) -> bytes:
    """A section in which what is under zstd is changed; JSON stays JSON."""
    try:
        plain = decompress(section) if section.startswith(ZSTD) else section
    except (ValueError, zstandard.ZstdError):  # damaged before
        return _damaged(section, draw)
    try:
        head, newline, rest = plain.partition(b"\n")
        value = json.loads(head)
        changed = json.dumps(_other_json(value, draw)).encode() + newline + rest
    except ValueError:
        changed = _damaged(plain, draw)
    return compress(changed) if section.startswith(ZSTD) else changed


def _other_json(value: Any, draw: Random) -> Any:
    if isinstance(value, dict | list) and value and draw.random() < 0.85:
        at = draw.choice(list(value) if isinstance(value, dict) else range(len(value)))
        value[at] = _other_json(value[at], draw)
        return value
    if isinstance(value, list) and value and draw.random() < 0.5:
        return [*value, value[-1]] if draw.random() < 0.5 else value[:-1]
    if isinstance(value, int) and draw.random() < 0.5:
        return value + draw.choice((-1, 1, 7, -1000, 100_000))
    return draw.choice((*NUMBERS, [], {}, [[]] * 3, "9" * 90))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases; 1 if an error came that has no name."""
    parser = argparse.ArgumentParser(prog="benchmarks.mutations")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="plain")
    options = parser.parse_args(arguments)
    plain = options.model == "plain"
    codec = plain_codec({Tier.SMALL: 7}) if plain else build.named_codec(options.model)
    attacked, outcomes, escaped = victims(codec), Counter[str](), dict[str, str]()
    for number in range(options.seed, options.seed + options.cases):
        draw = Random(number)
        victim = draw.choice(attacked)
        found = _outcomes(victim, mutated(victim, draw), draw)
        outcomes["refused" if "refused" in found else "read"] += not (found - {"read", "refused"})
        for error in found - {"read", "refused"}:
            outcomes[error] += 1
            escaped.setdefault(error, f"seed {number}, {victim.kind.label}")
    for name, count in outcomes.most_common():
        print(f"{count:9,}  {name}  {escaped.get(name, '')}")
    return int(bool(escaped))


def _outcomes(victim: Victim, data: bytes, draw: Random) -> set[str]:
    """How two ways of reading end."""
    found, ways = set[str](), list(victim.reads(data))
    for read in draw.sample(ways, min(len(ways), 2)):
        try:
            read()
            found.add("read")
        except FormatError:
            found.add("refused")
        except Exception as error:  # whatever it is: it is what is looked for
            last = traceback.extract_tb(error.__traceback__)[-1]
            found.add(f"{type(error).__name__} at {last.filename}:{last.lineno}: {error}"[:110])
    return found


if __name__ == "__main__":
    sys.exit(main())
