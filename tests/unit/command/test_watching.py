"""Following a request while servers come and go."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from pixelmill.api_answers import Status
from pixelmill.api_refusals import ServerUnreachable
from pixelmill.watching import LONGEST_PAUSE_SECONDS, PATIENCE_SECONDS, watched
from tests.unit.command.answers import status
from tests.unit.command.conftest import Command
from tests.waiting import until


def looks(*script: Status | Exception) -> Callable[[], Status]:
    left: Iterator[Status | Exception] = iter(script)

    def look() -> Status:
        seen = next(left)
        if isinstance(seen, Exception):
            raise seen
        return seen

    return look


class Time:
    def __init__(self) -> None:
        self.passed = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.passed += seconds

    def seconds(self) -> float:
        return self.passed


PENDING = Status.model_validate(status("pending").body)
COMPLETED = Status.model_validate(status("completed").body)
AWAY = ServerUnreachable("http://x", "refused")


def test_every_look_is_shown_and_the_end_is_the_last() -> None:
    time = Time()
    seen = list(watched(looks(PENDING, PENDING, COMPLETED), sleep=time.sleep, seconds=time.seconds))
    assert seen == [PENDING, PENDING, COMPLETED]


def test_a_server_that_restarts_is_waited_for() -> None:
    time = Time()
    assert list(watched(looks(AWAY, PENDING, AWAY, COMPLETED), sleep=time.sleep, seconds=time.seconds)) == [
        PENDING,
        COMPLETED,
    ]


def test_a_server_that_stays_away_is_given_up() -> None:
    time = Time()
    with pytest.raises(ServerUnreachable):
        list(watched(looks(*[AWAY] * 100), sleep=time.sleep, seconds=time.seconds))
    assert PATIENCE_SECONDS < time.passed < PATIENCE_SECONDS + 2 * LONGEST_PAUSE_SECONDS


def test_the_pauses_stay_modest() -> None:
    time = Time()
    list(watched(looks(*[PENDING] * 30, COMPLETED), sleep=time.sleep, seconds=time.seconds))
    assert max(time.pauses) == LONGEST_PAUSE_SECONDS


RUN = """
import typer
from pixelmill.request_commands import register
app = typer.Typer()
register(app)
app()
"""


async def test_ctrl_c_stops_watching_only_and_says_how_to_look_again(command: Command) -> None:
    command.server.on("GET /v1/requests/r1", status("pending"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUN, "status", "r1", "--watch"),
        env={"PIXELMILL_URL": command.server.url},
        stderr=asyncio.subprocess.PIPE,
    )
    await until(lambda: len(command.server.asked) > 1, what="the command watches")
    process.send_signal(signal.SIGINT)
    _, stderr = await asyncio.wait_for(process.communicate(), 20)
    complaint = stderr.decode()
    assert process.returncode == 130
    assert "the request goes on" in complaint
    assert "pixelmill status r1 --watch" in complaint
    assert "Traceback" not in complaint
