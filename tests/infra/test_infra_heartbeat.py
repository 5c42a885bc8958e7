"""The function that asks from outside tells the truth: of a server that answers, fails, hangs up, is not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from herold_infra.functions import heartbeat


class Edge(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/cut":
            self.connection.close()
            return
        if self.path == "/noise":
            self.wfile.write(b"not of this protocol\r\n\r\n")
            return
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def edge() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Edge)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_an_answer_of_200_is_alive(edge: str) -> None:
    assert heartbeat.is_alive(f"{edge}/200")
    assert not heartbeat.is_alive(f"{edge}/503")
    assert not heartbeat.is_alive(f"{edge}/cut")
    assert not heartbeat.is_alive(f"{edge}/noise")


def test_a_server_that_is_not_there_is_not_alive() -> None:
    assert not heartbeat.is_alive("http://127.0.0.1:1/")


def test_it_asks_nobody_in_clear() -> None:
    with pytest.raises(ValueError, match="HTTPS"):
        heartbeat.is_alive("http://go.herold.example/healthz")


def test_the_metric_stands_in_the_log_as_cloudwatch_reads_it(
    edge: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEROLD_URL", f"{edge}/503")
    monkeypatch.setenv("HEROLD_ENVIRONMENT", "prod")
    assert heartbeat.handler({}, None) == {"alive": False}
    said = json.loads(capsys.readouterr().out)
    assert said["alive"] == 0
    assert said["environment"] == "prod"
    assert said["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "alive", "Unit": "Count"}]
