"""The health check asks the service in its container."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from deploy.compose.is_ready import NOT_READY, READY, main


@contextmanager
def service(status: int, body: bytes, heard: list[str] | None = None) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if heard is not None:
                heard.append(self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/readyz"
        finally:
            server.shutdown()
            serving.join()


def test_a_service_that_is_ready_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    with service(200, b'{"ready":true}') as url:
        assert main(url) == READY
    assert capsys.readouterr().out == '{"ready":true}'


def test_a_service_that_waits_for_a_part_is_not_and_its_answer_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with service(503, b'{"ready":false}') as url:
        assert main(url) == NOT_READY
    assert capsys.readouterr().out == '{"ready":false}'


def test_the_service_is_asked_as_an_operator_for_only_they_are_told_what_is_away() -> None:
    heard: list[str] = []
    with service(200, b"", heard) as url:
        main(url, operator_key="the operator's")
    assert heard == ["Bearer the operator's"]


def test_a_service_that_does_not_answer_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    with service(200, b"") as url:
        pass
    assert main(url) == NOT_READY
    assert "does not answer" in capsys.readouterr().out
