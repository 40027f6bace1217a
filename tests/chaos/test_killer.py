"""The killer on real processes: what it does is written down, and nobody stays paused."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from deploy.embedded.home import Home
from deploy.embedded.process_identity import ProcessIdentity, identify, read_stat
from deploy.embedded.services import Scale
from deploy.embedded.stack_state import ProcessState, StackState, this_boot, write_state
from tests.chaos.kill_plan import Deed, KillPlan
from tests.chaos.killer import Killer, Pace
from tests.chaos.rescaling import Rescaling
from tests.chaos.victims import Crowd, Victim, crowd
from tests.waiting import until

SESSION_SECONDS = 30.0


@pytest.fixture
def process() -> Iterator[ProcessIdentity]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as child:
        identity = identify(child.pid)
        assert identity is not None
        yield identity
        child.kill()


@pytest.fixture
def home(tmp_path: Path, process: ProcessIdentity) -> Home:
    made = Home(tmp_path)
    made.create()
    states = (ProcessState("ingest", "ready", identity=process), ProcessState("notifier", "restarting"))
    write_state(made, StackState(boot_id=this_boot(), processes=states))
    return made


def seed_for(deed: Deed, victim: ProcessIdentity) -> int:
    """A seed whose first act is this deed."""
    only = Crowd([Victim("ingest", victim)], unready=0)
    acts = ((seed, KillPlan(Random(seed), SESSION_SECONDS).next_act(only, 0.0)) for seed in range(500))
    return next(seed for seed, act in acts if act is not None and act.deed == deed)


def killer(home: Home, seed: int) -> Killer:
    plan = KillPlan(Random(seed), SESSION_SECONDS)
    rescaling = Rescaling(Random(seed), Scale())
    return Killer(home, plan, Pace(kills=1, seconds=600), rescaling=rescaling, log=home.path / "actions.jsonl")


def test_those_who_run_are_found_and_the_others_counted(home: Home, process: ProcessIdentity) -> None:
    assert crowd(home) == Crowd([Victim("ingest", process)], unready=1)


async def test_a_kill_is_done_counted_and_written_down(home: Home, process: ProcessIdentity) -> None:
    one = killer(home, seed_for("kill", process))
    one.start()
    await until(lambda: one.kills)
    one.stop()
    assert not process.is_alive()
    assert one.counts == {("kill", "ingest"): 1}
    line = json.loads((home.path / "actions.jsonl").read_text("utf-8"))
    assert (line["deed"], line["victim"], line["pid"], line["was_ready"]) == ("kill", "ingest", process.pid, True)


async def test_who_is_paused_goes_on_when_the_killer_stops(home: Home, process: ProcessIdentity) -> None:
    one = killer(home, seed_for("long pause", process))
    one.start()
    await until(lambda: state_of(process) == "T")
    one.stop()
    await until(lambda: state_of(process) != "T")
    assert process.is_alive()
    assert one.counts == {("long pause", "ingest"): 1}


def state_of(process: ProcessIdentity) -> str | None:
    stat = read_stat(process.pid)
    return None if stat is None else stat.state
