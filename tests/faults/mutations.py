"""Ways to damage a picture file: blindly, and by what its format is made of."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from faults.seeds import Seed, chunk

EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
         0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip
"""Numbers at which programs that count in 8, 16 or 32 bits change their minds."""


def mutated(seed: Seed, other: Seed, random: Random) -> tuple[str, bytes]:
    """Return a damaged copy of a file, and the kind of the damage; `other` is there for splices."""
    structured = _STRUCTURED.get(seed.format)
    if structured and random.random() < 0.5:
        for _ in range(20):  # not every file has what every kind of damage needs
            data = structured(seed.data, random)
            if data is not None and data != seed.data:
                return "structure", data
    kind = random.choice(tuple(_BLIND))
    return kind, _BLIND[kind](seed.data, other.data, random)


# Blind


def _flips(data: bytes, other: bytes, random: Random) -> bytes:
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16, 64))):
        made[_place(data, random)] ^= 1 << random.randrange(8)
    return bytes(made)


def _place(data: bytes, random: Random) -> int:
    """Return a place to strike; one in two is in the first bytes, where headers are."""
    return random.randrange(min(len(data), 100 if random.random() < 0.5 else len(data)))


def _run(data: bytes, other: bytes, random: Random) -> bytes:
    at = _place(data, random)
    count = random.choice((1, 2, 4, 8, 30, 200))
    run = random.choice((bytes(count), b"\xff" * count, random.randbytes(count)))
    return data[:at] + run + data[at + count :]


def _edge(data: bytes, other: bytes, random: Random) -> bytes:
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        at = _place(data, random)
        number = _number(random, len(data))
        form = random.choice(("B", "<H", ">H", "<I", ">I"))
        field = struct.pack(form, number % (1 << 8 * struct.calcsize(form)))
        made[at : at + len(field)] = field
    return bytes(made)


def _number(random: Random, near: int) -> int:
    """Return a number likely to be one that was not thought of, or one that is `near` the truth."""
    return random.choice((
        random.choice(EDGES), near + random.choice((-1, 1, 2, 8)),
        near * random.choice((2, 16, 255)), random.getrandbits(random.choice((8, 16, 24, 32))),
    )) & 0xFFFFFFFF  # fmt: skip


def _cut(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: _place(data, random)]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: _place(data, random)] + other[_place(other, random) :]


def _removed(data: bytes, other: bytes, random: Random) -> bytes:
    at = _place(data, random)
    return data[:at] + data[at + random.choice((1, 2, 4, 16, 300)) :]


def _repeated(data: bytes, other: bytes, random: Random) -> bytes:
    at, count = _place(data, random), random.choice((1, 4, 16, 300))
    return data[:at] + data[at : at + count] * random.choice((2, 3, 50)) + data[at + count :]


_BLIND: dict[str, Callable[[bytes, bytes, Random], bytes]] = {
    "flips": _flips,
    "run of bytes": _run,
    "edge number": _edge,
    "cut": _cut,
    "splice": _splice,
    "removed": _removed,
    "repeated": _repeated,
}


# By structure


def _png(data: bytes, random: Random) -> bytes | None:
    """Change a chunk and give it the right checksum, or a wrong length, or another place."""
    chunks = list(_chunks(data))
    if not chunks:
        return None
    at = 0 if random.random() < 0.3 else random.randrange(len(chunks))
    kind, content = chunks[at]
    what = random.choice(("content", "content", "length", "remove", "repeat", "move", "kind"))
    if what == "content":
        changed = _run if random.random() < 0.5 else _edge
        chunks[at] = kind, changed(content or b"\0", b"", random)
    elif what == "remove":
        del chunks[at]
    elif what == "repeat":
        chunks[at:at] = [chunks[at]] * random.choice((1, 2, 500))
    elif what == "move":
        chunks.insert(random.randrange(len(chunks)), chunks.pop(at))
    elif what == "kind":
        kinds = (b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"zTXt", b"iTXt", b"fcTL", b"fdAT",
                 b"acTL", b"sRGB", b"gAMA", b"cHRM", b"IEND", b"IHDR", b"pHYs")  # fmt: skip
        chunks[at] = random.choice(kinds), content
    made = [chunk(kind, content) for kind, content in chunks]
    if what == "length":
        made[at] = struct.pack(">I", _number(random, len(content))) + made[at][4:]
    return data[:8] + b"".join(made)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _jpeg(data: bytes, random: Random) -> bytes | None:
    """Change a segment: its length, its marker, its content, its place."""
    start, parts = _segments(data)
    if not parts:
        return None
    at = random.randrange(len(parts))
    part = parts[at]
    what = random.choice(("length", "marker", "content", "content", "remove", "repeat", "move"))
    if what == "length":
        near = int.from_bytes(part[2:4])
        parts[at] = part[:2] + struct.pack(">H", _number(random, near) & 0xFFFF) + part[4:]
    elif what == "marker":
        parts[at] = part[:1] + bytes([random.choice((*range(0xC0, 0xF0), 0xFE, 0x4F))]) + part[2:]
    elif what == "content" and len(part) > 4:
        changed = (_run if random.random() < 0.5 else _edge)(part[4:], b"", random)
        length = struct.pack(">H", min(2 + len(changed), 0xFFFF))
        parts[at] = part[:2] + (part[2:4] if random.random() < 0.5 else length) + changed
    elif what == "remove":
        del parts[at]
    elif what == "repeat":
        parts[at:at] = [part] * random.choice((1, 2, 300))
    else:
        parts.insert(random.randrange(len(parts)), parts.pop(at))
    return start + b"".join(parts)


def _segments(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return what is before the first segment of a JPEG or JPEG 2000 codestream, and all segments.

    What follows a start of scan (FFDA) up to the next marker, and of tile data (FF93), is its part.
    """
    at = 2 if data.startswith(b"\xff\xd8") else data.find(b"\xff\x4f\xff\x51") + 2
    if at < 2:
        return data, []
    start, parts = data[:at], []
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker in {0xDA, 0x93}:
            end = at + 4
            while end + 1 < len(data) and not (
                data[end] == 0xFF and data[end + 1] not in {0, *range(0xD0, 0xD8)}
            ):
                end += 1
        parts.append(data[at:end])
        at = end
    return start, [*parts, data[at:]] if at < len(data) else parts


def _tiff(data: bytes, random: Random) -> bytes | None:
    """Change an entry of a directory: tag, type, count or value; or where the next one is."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    order = "<" if data.startswith(b"II") else ">"
    entries, ends = _entries(data, order)
    if not entries:
        return None
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.choice(entries)
        what = random.choice(("tag", "type", "count", "value", "value", "short", "next", "swap"))
        if what == "tag":
            struct.pack_into(order + "H", made, at, random.choice(_TAGS))
        elif what == "type":
            struct.pack_into(order + "H", made, at + 2, random.choice((*range(20), 0xFFFF)))
        elif what == "count":
            (near,) = struct.unpack_from(order + "I", made, at + 4)
            struct.pack_into(order + "I", made, at + 4, _number(random, near))
        elif what == "value":
            (near,) = struct.unpack_from(order + "I", made, at + 8)
            number = random.choice((near, len(data), *ends, *entries))
            struct.pack_into(order + "I", made, at + 8, _number(random, number))
        elif what == "short":
            struct.pack_into(order + "H", made, at + 8, random.choice((*range(12), 255, 0x7FFF)))
        elif what == "next":
            place = random.choice((*entries, *ends, 0, len(data))) - random.choice((0, 2))
            struct.pack_into(order + "I", made, random.choice(ends), max(0, place))
        else:
            another = random.choice(entries)
            made[at : at + 12], made[another : another + 12] = (
                made[another : another + 12],
                made[at : at + 12],
            )
    return bytes(made)


_TAGS = (254, 256, 257, 258, 259, 262, 266, 270, 273, 274, 277, 278, 279, 284, 292, 317, 320, 322,
         323, 324, 325, 330, 332, 338, 339, 347, 512, 513, 514, 529, 530, 532, 700, 33421, 33422,
         33723, 34377, 34665, 34675, 34853, 50706, 50714, 50717, 50721, 50740, 50838)  # fmt: skip


def _entries(data: bytes, order: str) -> tuple[list[int], list[int]]:
    """Return where the entries of all directories are, and where each names the next one."""
    entries: list[int] = []
    ends: list[int] = []
    (at,) = struct.unpack_from(order + "I", data, 4)
    waiting, seen = [at], set[int]()
    while waiting:
        at = waiting.pop()
        if at in seen or not 8 <= at < len(data) - 2:
            continue
        seen.add(at)
        (count,) = struct.unpack_from(order + "H", data, at)
        end = at + 2 + 12 * count
        if end + 4 > len(data):
            continue
        places = range(at + 2, end, 12)
        entries += places
        ends.append(end)
        waiting += struct.unpack_from(order + "I", data, end)
        for place in places:
            if struct.unpack_from(order + "H", data, place)[0] in (330, 34665, 34853):
                waiting += struct.unpack_from(order + "I", data, place + 8)
    return entries, ends


def _gif(data: bytes, random: Random) -> bytes | None:
    """Change the screen, a block's kind or its lengths, a frame's place and size, or the codes."""
    blocks = [at for at in range(13, len(data) - 10) if data[at] in b"\x21\x2c"]
    made = bytearray(data)
    what = random.choice(("screen", "frame", "frame", "block", "repeat"))
    frames = [at for at in blocks if data[at] == 0x2C and data[at + 1 : at + 5] == bytes(4)]
    if what == "screen":
        struct.pack_into("<H", made, random.choice((6, 8)), _number(random, 72) & 0xFFFF)
        made[10] = random.choice((made[10], random.randrange(256)))
    elif what == "frame" and frames:
        at = random.choice(frames)
        if random.random() < 0.7:
            field = at + random.choice((1, 3, 5, 7))
            struct.pack_into("<H", made, field, _number(random, 72) & 0xFFFF)
        else:
            made[at + random.choice((9, 10, 11))] = random.randrange(256)
    elif what == "repeat" and frames:
        at = random.choice(frames)
        made[at:at] = made[at:] * random.choice((1, 5, 50))
    elif blocks:
        made[random.choice(blocks) + random.randrange(4)] = random.randrange(256)
    return bytes(made)


def _riff(data: bytes, random: Random) -> bytes | None:
    """Change a chunk of a WebP: its size, kind, content or place."""
    chunks, at = [], 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        chunks.append(data[at : at + 8 + length + length % 2])
        at += 8 + length + length % 2
    at = random.randrange(len(chunks))
    part = chunks[at]
    what = random.choice(
        ("size", "kind", "content", "content", "remove", "repeat", "move", "whole")
    )
    if what == "size":
        chunks[at] = part[:4] + struct.pack("<I", _number(random, len(part) - 8)) + part[8:]
    elif what == "kind":
        kinds = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"ICCP", b"XMP ")
        chunks[at] = random.choice(kinds) + part[4:]
    elif what == "content" and len(part) > 8:
        chunks[at] = part[:8] + (_run if random.random() < 0.5 else _edge)(part[8:], b"", random)
    elif what == "remove":
        del chunks[at]
    elif what == "repeat":
        chunks[at:at] = [part] * random.choice((1, 2, 100))
    elif what == "move":
        chunks.insert(random.randrange(len(chunks)), chunks.pop(at))
    body = b"".join(chunks)
    length = _number(random, len(body) + 4) if what == "whole" else len(body) + 4
    return data[:4] + struct.pack("<I", length) + data[8:12] + body


def _boxes(data: bytes, random: Random) -> bytes | None:
    """Change a box of HEIF, AVIF or JPEG 2000, at any depth: its size, its kind, its content."""
    if data.startswith(b"\xff\x4f") or (data[4:6] == b"jP" and random.random() < 0.5):
        return _jpeg(data, random)
    places = list(_box_places(data, 0, len(data)))
    if not places:
        return None
    at, end = random.choice(places)
    made = bytearray(data)
    what = random.choice(("size", "kind", "content", "content", "content", "remove", "repeat"))
    if what == "size":
        struct.pack_into(">I", made, at, _number(random, end - at))
    elif what == "kind":
        made[at + 4 : at + 8] = random.choice(_KINDS)
    elif what == "content" and end - at > 8:
        content = (_run if random.random() < 0.4 else _edge)(data[at + 8 : end], b"", random)
        made[at + 8 : end] = content[: end - at - 8].ljust(end - at - 8, b"\0")
    elif what == "remove":
        del made[at:end]
    else:
        made[at:at] = data[at:end] * random.choice((1, 3, 200))
    return bytes(made)


_CONTAINERS = {b"meta": 12, b"iprp": 8, b"ipco": 8, b"jp2h": 8, b"moov": 8, b"trak": 8, b"iinf": 14,
               b"mdia": 8, b"minf": 8, b"stbl": 8, b"iref": 12, b"dinf": 8}  # fmt: skip
_KINDS = (*_CONTAINERS, b"ispe", b"irot", b"imir", b"clap", b"pixi", b"hvcC", b"av1C", b"colr",
          b"infe", b"iloc", b"idat", b"mdat", b"auxC", b"pitm", b"ihdr", b"jp2c", b"pclr", b"cmap",
          b"cdef", b"uuid", b"grpl", b"stsz", b"stco", b"stsd", b"free")  # fmt: skip


def _box_places(data: bytes, at: int, end: int) -> list[tuple[int, int]]:
    found = []
    while at + 8 <= end:
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        until = end if size in {0, 1} else min(at + max(size, 8), end)
        found.append((at, until))
        if kind in _CONTAINERS:
            found += _box_places(data, at + _CONTAINERS[kind], until)
        at = until
    return found


_STRUCTURED: dict[str, Callable[[bytes, Random], bytes | None]] = {
    "PNG": _png, "JPEG": _jpeg, "MPO": _jpeg, "TIFF": _tiff, "RAW": _tiff, "GIF": _gif,
    "WEBP": _riff, "HEIF": _boxes, "AVIF": _boxes, "JPEG2000": _boxes,
}  # fmt: skip
