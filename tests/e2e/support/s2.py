# SPDX-License-Identifier: Apache-2.0
"""S2 streams as peers written by hand read and write them: short, slow, and by the book of the format."""

from support.wire import Wire

IDENTIFIER = b"\xff\x06\x00\x00S2sTwO"
STORED, COMPRESSED = 0x01, 0x00


def _table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        yield value


CRC_TABLE = list(_table())


def masked_sum(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def chunk(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "little") + body


def stored(content):
    return chunk(STORED, masked_sum(content).to_bytes(4, "little") + content)


def stream(content):
    """As a flush of the reference's uncompressed level."""
    return IDENTIFIER + stored(content)


def uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def compressed(tags, size, sum_):
    """A chunk with any block: what its tags mean need not be true."""
    return chunk(COMPRESSED, sum_.to_bytes(4, "little") + uvarint(size) + tags)


def decode_block(block):
    size = shift = at = 0
    while True:
        byte = block[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    out = bytearray()
    last = 0
    while at < len(block):
        tag = block[at]
        at += 1
        kind, more = tag & 3, tag >> 2
        if kind == 0:
            if more >= 60:
                operand = more - 59
                more = int.from_bytes(block[at : at + operand], "little")
                at += operand
            out += block[at : at + more + 1]
            at += more + 1
            continue
        if kind == 1:
            offset = (tag & 0xE0) << 3 | block[at]
            at += 1
            length = more & 7
            if offset == 0 and length >= 5:
                operand = length - 4
                length = (4, 256, 65536)[operand - 1] + int.from_bytes(block[at : at + operand], "little")
                at += operand
            length += 4
        else:
            operand = 2 if kind == 2 else 4
            offset = int.from_bytes(block[at : at + operand], "little")
            at += operand
            length = more + 1
        last = offset or last
        for _ in range(length):
            out.append(out[-last])
    assert len(out) == size, (len(out), size)
    return bytes(out)


class Decoder:
    """feed() returns what is complete by now; `kinds` are the types of the chunks so far."""

    def __init__(self):
        self.buffer, self.kinds, self.wire_bytes = bytearray(), [], 0

    def feed(self, content):
        self.buffer += content
        self.wire_bytes += len(content)
        out = bytearray()
        while len(self.buffer) >= 4:
            size = int.from_bytes(self.buffer[1:4], "little")
            if len(self.buffer) < 4 + size:
                break
            kind, body = self.buffer[0], bytes(self.buffer[4 : 4 + size])
            del self.buffer[: 4 + size]
            assert self.kinds or (kind == 0xFF and body == b"S2sTwO"), (kind, body)
            self.kinds.append(kind)
            if kind in (STORED, COMPRESSED):
                plain = body[4:] if kind == STORED else decode_block(body[4:])
                assert int.from_bytes(body[:4], "little") == masked_sum(plain), "bad sum"
                out += plain
        return bytes(out)


class S2Wire(Wire):
    """A connection that begins in clear text."""

    decoder = None

    def compress(self):
        """From here on both ends speak S2."""
        self.decoder = Decoder()
        self.buffer = bytearray(self.decoder.feed(bytes(self.buffer)))

    def send(self, content):
        content = content.encode() if isinstance(content, str) else content
        super().send(stream(content) if self.decoder else content)

    def receive(self, end):
        if not self.decoder:
            return super().receive(end)
        plain, self.buffer = self.buffer, bytearray()
        try:
            more = super().receive(end)
        finally:
            self.buffer = plain + self.decoder.feed(bytes(self.buffer))
        return more
