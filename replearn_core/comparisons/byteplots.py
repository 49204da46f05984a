"""Byte plots of harmless files: 256 bytes of eight kinds of content, drawn as 16×16 grey pictures. Read by `pairs.py`;
`applications.malware.families` puts longer pieces of the same content together (`size`, about so many bytes).

Every byte is generated here from a seed: no file is read, and nothing in a plot could ever run.
"""

import base64
from collections.abc import Callable, Mapping

import numpy as np

SIDE = 16
BYTES = SIDE * SIDE
_LETTERS = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz", np.uint8)
_SHARES = np.array(
    [12.7, 9.1, 8.2, 7.5, 7, 6.7, 6.3, 6.1, 6, 4.3, 4, 2.8, 2.8, 2.4, 2.2, 2.4, 2, 1.9, 1, 1.5, 2, 0.8] + [0.15] * 4
)
"""How often English text uses each letter, %, rounded."""
_OPCODES = np.array([0x8B, 0x89, 0xE8, 0x48, 0x0F, 0x83, 0xFF, 0x74, 0x75, 0xC3, 0x55, 0x5D, 0x90, 0xC7, 0x85, 0x33], np.uint8)


def text(random: np.random.Generator, size: int = BYTES) -> bytes:
    """Words of English letters in their usual shares, with spaces and now and then a line's end."""
    content = random.choice(_LETTERS, 2 * size, p=_SHARES / _SHARES.sum())
    spaces = np.cumsum(random.integers(3, 11, size))
    spaces = spaces[spaces < len(content)]
    content[spaces] = random.choice(np.frombuffer(b"     ,\n", np.uint8), len(spaces))
    return content.tobytes()


def wide_text(random: np.random.Generator, size: int = BYTES) -> bytes:
    """The same in UTF-16: every second byte is zero."""
    return text(random, size).decode("ascii").encode("utf-16-le")


def base64_lines(random: np.random.Generator, size: int = BYTES) -> bytes:
    """Random bytes as an attachment in a letter carries them: lines of 76 characters."""
    return base64.encodebytes(random.bytes(size))


def records(random: np.random.Generator, size: int = BYTES) -> bytes:
    """A table: records of 8 or 16 bytes with a counter, a date that hardly moves, small numbers and padding."""
    length, start, date = int(random.choice([8, 16])), int(random.integers(0, 60_000)), random.bytes(2)
    rows = []
    for place in range(size // length + 1):
        row = (start + place).to_bytes(4, "little") + date + bytes(random.integers(0, 12, 2, np.uint8))
        rows.append(row.ljust(length, b"\0"))
    return b"".join(rows)


def bitmap(random: np.random.Generator, size: int = BYTES) -> bytes:
    """Uncompressed grey pixels: a smooth surface in rows of 16 to 40, with a little grain."""
    width = int(random.integers(16, 41))
    y, x = np.divmod(np.arange(size), width)
    wave = random.uniform(0, 255) + random.normal(0, 5) * x + random.normal(0, 5) * y + 20 * np.sin(x / random.uniform(2, 9))
    return bytes(np.clip(wave + random.normal(0, 3, size), 0, 255).astype(np.uint8))


def sound(random: np.random.Generator, size: int = BYTES) -> bytes:
    """16-bit samples of two tones: the low bytes look random, the high bytes swing."""
    time = np.arange(size // 2)
    tones = sum(random.uniform(500, 9_000) * np.sin(time * random.uniform(0.05, 0.9) + random.uniform(0, 6)) for _ in range(2))
    return (tones + random.normal(0, 60, len(time))).astype("<i2").tobytes()


def program(random: np.random.Generator, size: int = BYTES) -> bytes:
    """What a program's text section looks like from afar: frequent codes, small operands, addresses with zeros above them.

    Drawn by chance byte after byte, so it is no program.
    """
    rows = np.zeros((size, 5), np.uint8)
    rows[:, 0] = random.choice(_OPCODES, size)
    rows[:, 1:3] = random.integers(0, 64, (size, 2))
    lengths = random.choice([1, 2, 2, 3, 5], size)
    return rows[np.arange(5) < lengths[:, None]].tobytes()


def packed(random: np.random.Generator, size: int = BYTES) -> bytes:
    """Compressed content: every byte about equally often."""
    return random.bytes(size)


KINDS: Mapping[str, Callable[..., bytes]] = {
    one.__name__: one for one in (text, wide_text, base64_lines, records, bitmap, sound, program, packed)
}


def render(per_kind: int, stream: int) -> tuple[np.ndarray, np.ndarray]:
    """(plots uint8 (8 · per_kind, 16, 16), labels int64), kind after kind in turn. Another stream gives other plots."""
    random = np.random.default_rng([20_714, stream])
    plots = [_first(make, random) for _ in range(per_kind) for make in KINDS.values()]
    labels = np.tile(np.arange(len(KINDS)), per_kind)
    return np.stack(plots).reshape(-1, SIDE, SIDE), labels


def _first(make: Callable[..., bytes], random: np.random.Generator) -> np.ndarray:
    """256 bytes from somewhere in the content, so that no kind is told by how it begins."""
    content = np.frombuffer((make(random) * 2)[: 2 * BYTES], np.uint8)
    start = int(random.integers(0, len(content) - BYTES + 1))
    return content[start : start + BYTES]
