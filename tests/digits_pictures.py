"""PNG and PGM files of every kind, good and bad, for test_digits_cli.py."""

import struct
import zlib

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6


def chunk(letters, data):
    return struct.pack(">I", len(data)) + letters + data + struct.pack(">I", zlib.crc32(letters + data))


def paeth(left, up, corner):
    p = left + up - corner
    return min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]


def filtered(kind, row, above, whole):
    """A row of bytes as a PNG file stores it."""
    out = bytearray([kind])
    for i, byte in enumerate(row):
        left, corner = (row[i - whole], above[i - whole]) if i >= whole else (0, 0)
        guess = [0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner)][kind]
        out.append((byte - guess) % 256)
    return bytes(out)


def png(rows, depth, colour, width=28, interlace=0, palette=b"", packed=None, level=9,
        strategy=zlib.Z_DEFAULT_STRATEGY):
    """rows: of numbers, as many for a pixel as the kind of colour has."""
    channels = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}[colour]
    raw, above = b"", None
    for r, row in enumerate(rows):
        bits = "".join(f"{value:0{depth}b}" for value in row)
        bits += "0" * (-len(bits) % 8)
        now = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        raw += filtered(r % 5, now, above or bytes(len(now)), max(1, channels * depth // 8))
        above = now
    if packed is None:
        pack = zlib.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
        packed = pack.compress(raw) + pack.flush()
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, interlace)
    half = len(packed) // 2
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + (chunk(b"PLTE", palette) if palette else b"") +
            chunk(b"tEXt", b"a note") + chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:]) +
            chunk(b"IEND", b""))


def pgm(kind, values, width=28, height=28, most=255):
    head = f"P{kind} # a note\n{width} {height}\n# another\n{most}\n".encode()
    if kind == 2:
        return head + " ".join(map(str, values)).encode()
    return head + b"".join(value.to_bytes(1 if most < 256 else 2, "big") for value in values)


def bad_pictures():
    """What the program says of them, and their bytes; None: there is no file."""
    flat, square = [7] * 784, [[7] * 28] * 28
    good = png(square, 8, GREY)
    return [
        ("cannot open: No such file", None),
        ("neither PGM (P2, P5) nor PNG", b""),
        ("neither PGM (P2, P5) nor PNG", b"P6\n28 28\n255\n" + bytes(3 * 784)),
        ("the picture is 20 x 28, it must be 28 x 28", pgm(5, flat, width=20)),
        ("the picture is 28 x 29, it must be 28 x 28", pgm(2, flat, height=29)),
        ("cut off", pgm(5, flat[:-1])), ("cut off", pgm(2, flat[:-1])), ("cut off", b"P5 28 28"),
        ("largest grey is 0", pgm(5, flat, most=0)), ("above the largest", pgm(5, flat, most=6)),
        ("above 65535", pgm(2, [65536] * 784, most=65535)), ("where a number should", b"P2 28 -28 255"),
        ("the picture is 20 x 28, it must be 28 x 28", png([[7] * 20] * 28, 8, GREY, width=20)),
        ("interlaced", png(square, 8, GREY, interlace=1)), ("cut off", good[:-1]), ("cut off", good[:60]),
        ("CRC-32", good[:-20] + bytes([good[-20] ^ 1]) + good[-19:]),
        ("Adler-32", png(square, 8, GREY, packed=zlib.compress(bytes(29 * 28))[:-1] + b"x")),
        ("more data", png(square, 8, GREY, packed=zlib.compress(bytes(29 * 28 + 1)))),
        ("less data", png(square, 8, GREY, packed=zlib.compress(bytes(29 * 28 - 1)))),
        ("cut off", png(square, 8, GREY, packed=zlib.compress(bytes(29 * 28))[:-4])),
        ("no zlib stream", png(square, 8, GREY, packed=b"abcd")),
        ("unknown kind of block", png(square, 8, GREY, packed=b"\x78\x9c\x07")),
        ("do not exist", png(square, 8, GREY, packed=b"\x78\x9c\x03\x03\x00\x00")),
        ("filter of a row", png(square, 8, GREY, packed=zlib.compress(bytes([9]) * 29 * 28))),
        ("not in its palette", png(square, 8, PALETTE, palette=bytes(21))),
        ("kind of colour", good[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 1, 0, 0, 0)) + good[33:]),
    ]
