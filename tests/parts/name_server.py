"""A real name server on loopback: UDP and TCP, TXT records of one zone; everything else at it is not there.

It is authoritative and never asks another: what a resolver of the real world adds (caches, forwarding) it has not.
"""

from __future__ import annotations

import os
import shutil
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
from dns.exception import TooBig
from dns.rdtypes.ANY.TXT import TXT

UDP_BYTES = 512  # RFC 1035 4.2.1: what is longer is asked for once more, by TCP
_STRING = 255  # RFC 1035 3.3.14: longer texts are several strings


@dataclass
class NameServer:
    """`records`: what is at a name; no text: the name is there, without a TXT record. `rcode`: its answer to all."""

    records: dict[str, list[str]] = field(default_factory=dict)
    rcode: dns.rcode.Rcode | None = None
    is_silent: bool = False
    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)  # (name, UDP or TCP)

    def resolver(self, lifetime: float = 20.0) -> dns.resolver.Resolver:
        """That asks it, and nobody else; gives up after `lifetime` seconds."""
        made = dns.resolver.Resolver(configure=False)
        made.nameservers = ["127.0.0.1"]
        made.port = self.port
        made.lifetime = lifetime
        return made

    def answer(self, wire: bytes, way: str) -> bytes | None:
        """To one question."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append((name, way))
        if self.is_silent:
            return None
        response = dns.message.make_response(query)
        texts = self.records.get(name)
        if self.rcode is not None or texts is None:
            response.set_rcode(dns.rcode.NXDOMAIN if self.rcode is None else self.rcode)
        elif texts and question.rdtype == dns.rdatatype.TXT:
            records = [TXT(question.rdclass, question.rdtype, _strings(text)) for text in texts]
            response.answer.append(dns.rrset.from_rdata_list(question.name, 300, records))
        if way == "TCP":
            return response.to_wire()
        try:
            return response.to_wire(max_size=UDP_BYTES)
        except TooBig:
            cut = dns.message.make_response(query)
            cut.flags |= dns.flags.TC
            return cut.to_wire()


def _strings(text: str) -> list[bytes]:
    return [text[at : at + _STRING].encode() for at in range(0, len(text), _STRING)]


@contextmanager
def name_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[NameServer]:
    """At work until the block ends; port 0: one that is free, for both."""
    server = NameServer()

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, socket = self.request
            if (answer := server.answer(wire, "UDP")) is not None:
                socket.sendto(answer, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!H", self.rfile.read(2))
            if (answer := server.answer(self.rfile.read(length), "TCP")) is not None:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)

    datagrams, streams = _pair(host, port, Datagram, Stream)
    server.port = datagrams.server_address[1]
    with datagrams, streams:
        threads = [_serving(each) for each in (datagrams, streams)]
        try:
            yield server
        finally:
            for each in (datagrams, streams):
                each.shutdown()
            for thread in threads:
                thread.join(10)


@contextmanager
def name_server_of_a_pod(folder: Path) -> Iterator[tuple[NameServer, list[str]]]:
    """The one that /etc/resolv.conf names, written as a kubelet does; for commands that begin with these words."""
    mine = folder / "resolv.conf"
    begin = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(mine)]
    host = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"  # other processes of the tests have port 53 elsewhere
    mine.write_text(f"nameserver {host}\nsearch senders.svc.cluster.local cluster.local\noptions ndots:5\n")
    may = os.getuid() == 0 and shutil.which("unshare") is not None
    if not may or subprocess.run([*begin, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root that may mount: a resolv.conf of its own, and a name server at port 53")
    with name_server(host, 53) as server:
        yield server, begin


class _Streams(socketserver.TCPServer):
    allow_reuse_address = True


def _pair(
    host: str,
    port: int,
    datagram: type[socketserver.BaseRequestHandler],
    stream: type[socketserver.StreamRequestHandler],
) -> tuple[socketserver.UDPServer, _Streams]:
    """At one port: what is free for the one may be taken for the other, and then another is tried."""
    for _ in range(50):
        datagrams = socketserver.UDPServer((host, port), datagram)
        try:
            return datagrams, _Streams((host, datagrams.server_address[1]), stream)
        except OSError:
            datagrams.server_close()
            if port:
                raise
    raise OSError("no port is free for both")


def _serving(server: socketserver.BaseServer) -> threading.Thread:
    options: dict[str, Any] = {"poll_interval": 0.05}
    thread = threading.Thread(target=server.serve_forever, kwargs=options, name="name server")
    thread.start()
    return thread
