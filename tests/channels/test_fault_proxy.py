"""The proxy is an instrument: what it says it broke is what arrived broken."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from parts.fault_proxy import Break, Direction, FaultProxy, fault_proxy


class Echo(socketserver.BaseRequestHandler):
    """Says what it hears."""

    def handle(self) -> None:
        request: socket.socket = self.request
        try:
            while data := request.recv(4096):
                request.sendall(data)
        except OSError:
            pass


@contextmanager
def echo() -> Iterator[tuple[str, int]]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield "127.0.0.1", int(server.server_address[1])
        server.shutdown()
        thread.join()


def exchange(proxy: FaultProxy, data: bytes, timeout: float = 0.3) -> bytes | str:
    """What comes back, or "silent", or "reset" after what came."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout) as client:
        client.sendall(data)
        received = b""
        while len(received) < len(data):
            try:
                more = client.recv(4096)
            except TimeoutError:
                return f"silent after {len(received)}"
            except ConnectionResetError:
                return f"reset after {len(received)}"
            if not more:
                return f"closed after {len(received)}"
            received += more
        return received


def test_whole_connections_pass_and_are_counted() -> None:
    with echo() as target, fault_proxy(target) as proxy:
        assert exchange(proxy, b"hello" * 1000, 5) == b"hello" * 1000
        proxy.wait_passed("to_client", 5000)
        assert proxy.passed == {"to_server": 5000, "to_client": 5000}
        assert proxy.broken == 0


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_a_cut_a_stall_and_a_corrupt_byte_fall_exactly_there(direction: Direction) -> None:
    with echo() as target, fault_proxy(target) as proxy:
        proxy.set_break(Break("Stall", direction, 3))
        assert exchange(proxy, b"0123456789") == "silent after 3"
        proxy.set_break(Break("Corrupt", direction, 3))
        assert exchange(proxy, b"0123456789", 5) == b"012" + bytes([ord("3") ^ 0xFF]) + b"456789"
        proxy.set_break(Break("Cut", direction, 3, times=1))
        assert str(exchange(proxy, b"0123456789", 5)).startswith("reset after ")
        assert exchange(proxy, b"0123456789", 5) == b"0123456789"
        assert proxy.broken == 3


def test_all_connections_can_be_cut_and_new_ones_refused_for_a_while() -> None:
    with echo() as target, fault_proxy(target) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            proxy.cut_all(refuse=True)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
            client.recv(1)
        proxy.admit()
        assert exchange(proxy, b"again", 5) == b"again"


def test_a_unix_socket_can_be_the_target(tmp_path: Path) -> None:
    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    path = str(tmp_path / "socket")
    with Server(path, Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with fault_proxy(path) as proxy:
            assert exchange(proxy, b"hello", 5) == b"hello"
        server.shutdown()
        thread.join()
