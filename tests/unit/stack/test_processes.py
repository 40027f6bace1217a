import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy.embedded.process_identity import ProcessIdentity, identify, kill_session, members_of_session, read_stat
from tests.waiting import until


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


def known(child: subprocess.Popen[bytes]) -> ProcessIdentity:
    identity = identify(child.pid)
    assert identity is not None
    return identity


def test_a_process_with_the_same_number_but_another_start_is_left_alone(child: subprocess.Popen[bytes]) -> None:
    stranger = ProcessIdentity(child.pid, known(child).started - 1)
    assert not stranger.is_alive()
    assert not stranger.send(signal.SIGKILL)
    assert kill_session(stranger) == 0
    assert known(child).is_alive()


async def test_a_process_that_ended_but_was_not_collected_is_not_alive(child: subprocess.Popen[bytes]) -> None:
    identity = known(child)
    assert identity.send(signal.SIGKILL)
    await until(lambda: not identity.is_alive())
    stat = read_stat(child.pid)
    assert stat is not None
    assert stat.state == "Z"


def leader_that_ended_and_what_it_left() -> tuple[ProcessIdentity, int]:
    script = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        identity = known(leader)
        return identity, int(leader.stdout.readline())


async def test_what_a_dead_leader_left_in_its_session_is_found_and_killed() -> None:
    identity, left = leader_that_ended_and_what_it_left()
    assert [member.pid for member in members_of_session(identity)] == [left]
    assert kill_session(identity) == 1
    await until(lambda: not list(members_of_session(identity)))


def test_we_ourselves_are_alive() -> None:
    identity = identify(os.getpid())
    assert identity is not None
    assert identity.is_alive()
