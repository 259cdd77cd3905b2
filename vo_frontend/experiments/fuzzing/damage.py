"""Ways to damage a file, as disks, editors and ill-disposed people do."""

from collections.abc import Callable, Sequence

import numpy as np

WORDS = (
    b"nan", b"-inf", b"1e308", b"-1", b"0", b"9" * 40, b"1e999999999", b"true", b"null", b"[", b"]", b"{a: ",
    b"- " * 30, b"&a [*a]", b"!!int x", b"%YAML:1.0\n", b"\0", b"\xff\xfe", b"\xf0\x9f\x98\x80", b"\r\n",
    b"\x7f\xff\xff\xff", b"\xff" * 8, b"A" * 5000, b"../",
)  # fmt: skip
MAX_ROUNDS = 4


def damage(seeds: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Take one of the seeds and damage it in one to four ways."""
    data = seeds[int(rng.integers(len(seeds)))]
    for _ in range(rng.integers(1, MAX_ROUNDS + 1)):
        data = WAYS[rng.integers(len(WAYS))](data, seeds[int(rng.integers(len(seeds)))], rng)
    return data


def _flipped(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for position in rng.integers(0, max(len(changed), 1), rng.integers(1, 9)):
        if changed:
            changed[position] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwritten(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    at, word = int(rng.integers(len(data) + 1)), WORDS[rng.integers(len(WORDS))]
    return data[:at] + word + data[at + len(word) :]


def _inserted(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(data) + 1))
    return data[:at] + WORDS[rng.integers(len(WORDS))] + data[at:]


def _instead_of_a_number(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Put a word where a number stands, which leaves the rest of a text as it is."""
    digits = [i for i, byte in enumerate(data[:20_000]) if chr(byte).isdigit()]
    if not digits:
        return _overwritten(data, other, rng)
    at = end = digits[rng.integers(len(digits))]
    while end < len(data) and chr(data[end]) in "0123456789.e-":
        end += 1
    return data[:at] + WORDS[rng.integers(len(WORDS))] + data[end:]


def _cut(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data) + 1)]


def _without_a_piece(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(rng.integers(0, len(data) + 1, 2))
    return data[:first] + data[last:]


def _repeated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(rng.integers(0, len(data) + 1, 2))
    return data[:last] + data[first:last][:10_000] + data[last:]


def _spliced(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data) + 1)] + other[rng.integers(len(other) + 1) :]


WAYS: tuple[Callable[[bytes, bytes, np.random.Generator], bytes], ...] = (
    _flipped, _overwritten, _inserted, _instead_of_a_number, _cut, _without_a_piece, _repeated, _spliced,
)  # fmt: skip
