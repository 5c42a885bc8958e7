"""One question to a name server, without the machine's resolver (RFC 1035)."""

from __future__ import annotations

import socket
import struct

HEADER = struct.Struct(">HHHHHH")
TYPE_A, CLASS_IN = 1, 1
PORT = 53


def build_question(name: str) -> bytes:
    """A query for the IPv4 address of a name."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    return HEADER.pack(1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", TYPE_A, CLASS_IN)


def has_answer(reply: bytes) -> bool:
    """Whether a reply says "no error" and carries an answer."""
    _, flags, _, answers, _, _ = HEADER.unpack_from(reply)
    return not flags & 0xF and bool(answers)


def resolves(server: str, name: str, *, seconds: float = 1) -> bool:
    """Whether the server knows an address for the name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.sendto(build_question(name), (server, PORT))
            return has_answer(connection.recv(512))
        except OSError:
            return False
