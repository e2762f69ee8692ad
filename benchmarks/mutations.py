"""Damaged and forged records, items and files through every way of reading them.

    python -m benchmarks.mutations --cases 200000 [--seed 1]

prints how many cases were read, how many were refused by name (FormatError and its kin; in their
place also InputError, as for a turn that is not there any more), and every other error with the
number of its cases, the seed of one and where it was raised. Exits with 1 if there are any. No
model is loaded: pages are those of `optimem.testing`.

Half of the cases are damaged: bits flipped, pieces cut, doubled or moved, or another record in its
place. The other half is forged: sections, or what is in them under zstd or as JSON, are changed,
and the checksum is right again. Each case is parsed alone. What parses, and one in 20 of what does
not, is then read in one of the ways that meet it in its place (see `victims`), drawn at random.
"""

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import zstandard

from benchmarks.victims import Victim, victims
from optimem.errors import FormatError, InputError
from optimem.omem.container import compress, decompress, pack_container, unpack_container
from optimem.testing import plain_codec
from optimem.tiers import Tier

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
                sections[at] = _forged(sections[at], draw, victim)
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


def _forged(section: bytes, draw: Random, victim: Victim) -> bytes:
    """A section in which what is hidden or under zstd is changed; JSON stays JSON."""
    if victim.masks:
        show, hide = victim.masks
        try:
            return hide(_changed(show(section), draw))
        except ValueError:  # it was not hidden, or damaged before
            pass
    return _changed(section, draw)


def _changed(section: bytes, draw: Random) -> bytes:
    if not section.startswith(ZSTD) and ZSTD in section[:80] and draw.random() < 0.7:
        at = section.index(ZSTD)  # the columns of an index, after their sizes
        return section[:at] + _changed(section[at:], draw)
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
    options = parser.parse_args(arguments)
    attacked, outcomes = victims(plain_codec({Tier.SMALL: 7})), Counter[str]()
    escaped, started = dict[str, str](), time.process_time()
    for number in range(options.seed, options.seed + options.cases):
        draw = Random(number)
        victim = draw.choice(attacked)
        found = outcome(victim, mutated(victim, draw), draw)
        outcomes[found] += 1
        if found not in NAMED:
            escaped.setdefault(found, f"seed {number}, {victim.kind.label}")
    for name, count in outcomes.most_common():
        print(f"{count:9,}  {name}  {escaped.get(name, '')}".rstrip())
    print(f"{time.process_time() - started:.0f} s of CPU time", file=sys.stderr)
    return int(bool(escaped))


NAMED = ("read", "refused", "refused alone, read in its place")


def outcome(victim: Victim, data: bytes, draw: Random) -> str:
    """How parsing bytes alone ends, and then reading them in their place."""
    alone = _ending(lambda: victim.parse(data), FormatError)
    if alone == "refused" and draw.random() > 0.05:
        return alone
    placed = _ending(draw.choice(victim.reads(data)), FormatError, InputError)
    if placed not in NAMED or alone not in NAMED:
        return placed if alone in NAMED else alone
    return NAMED[2] if (alone, placed) == ("refused", "read") else placed


def _ending(read: Callable[[], object], *named: type[Exception]) -> str:
    try:
        read()
    except named:
        return "refused"
    except Exception as error:  # whatever it is: it is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {last.filename}:{last.lineno}"
    return "read"


if __name__ == "__main__":
    sys.exit(main())
