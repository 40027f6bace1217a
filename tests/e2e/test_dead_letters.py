"""An image that its source refuses for too long becomes a dead letter; replayed, it is tried again in a new request."""

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.local_servers import Quiet, catalogue, picture, serving
from tests.e2e.system import System
from tests.waiting import until

pytestmark = pytest.mark.stack


class TroubledSource:
    """Answers 500 as long as it is in trouble."""

    def __init__(self) -> None:
        self.is_in_trouble = True
        outer = self

        class Handler(Quiet):
            def do_GET(self) -> None:  # noqa: N802 - the name that the library looks for
                if outer.is_in_trouble:
                    self.answer(500, b"out of order")
                else:
                    self.answer(200, picture(1), "image/jpeg")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def troubled() -> Iterator[TroubledSource]:
    made = TroubledSource()
    with serving(made.server):
        yield made


def letters(system: System, request_id: str) -> list[dict[str, Any]]:
    listed = system.run("dead-letters", "list", "--request", request_id, "--json")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    items: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
    return items


def retries(system: System, request_id: str) -> list[str]:
    answer = system.http.get(f"{system.addresses['AGGREGATOR_PUBLIC_URL']}/v1/requests", params={"limit": "100"})
    return [each["request_id"] for each in answer.json()["items"] if each["retry_of"] == request_id]


async def test_an_image_that_was_given_up_is_replayed_as_a_new_request(
    system: System, troubled: TroubledSource
) -> None:
    request_id = system.submit(catalogue(troubled.url, 2))
    await until(lambda: system.has_ended(request_id), seconds=120)
    assert system.status(request_id)["failures"]["by_code"] == {"http_5xx": 2}
    await until(lambda: len(letters(system, request_id)) == 2, seconds=60)
    assert {letter["code"] for letter in letters(system, request_id)} == {"http_5xx"}

    troubled.is_in_trouble = False
    replay = ("dead-letters", "replay", "--request", request_id)
    planned = system.run(*replay, "--dry-run")
    assert (planned.returncode, planned.stdout) == (0, "Would replay 2 dead letters: 1 requests to retry.\n")
    assert retries(system, request_id) == []
    done = system.run(*replay, "--yes")
    assert (done.returncode, done.stdout) == (0, "Replayed 2 dead letters: 1 requests to retry.\n"), done.stderr
    assert system.run(*replay, "--yes").stdout == "Replayed 0 dead letters.\n"

    await until(lambda: retries(system, request_id), seconds=60)
    [second] = retries(system, request_id)
    await until(lambda: system.has_ended(second), seconds=120)
    assert system.status(second)["progress"]["succeeded"] == 2
