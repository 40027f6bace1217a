"""The supervisor and its commands, with services that only answer: what dies comes back, and `down` leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from deploy.embedded.home import Home
from deploy.embedded.python_module import SOURCE, importing
from deploy.embedded.stack_control import ProcessNotUp, Wanted, bring_down, is_supervised, launch, wait_until_up
from deploy.embedded.stack_state import StackState, read_state

pytestmark = pytest.mark.stack

T = TypeVar("T")
SERVICES = "tests.integration.answering_services"
EXTERNAL = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "S3_ENDPOINT", "PIXELMILL_URL", "PIXELMILL_HOME")


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in EXTERNAL}


def start(home: Home, services: str = "two_kinds", *, more: dict[str, str] | None = None) -> StackState:
    home.create()
    wanted = Wanted(supervisor_options=("--services", f"{SERVICES}:{services}"))
    supervisor = launch(home, wanted, {**environment(), **(more or {})})
    return wait_until_up(home, supervisor, lambda state: None)


def command(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pixelmill", *arguments],
        env={**importing(environment()), "PIXELMILL_HOME": str(home.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answer(home: Home, *arguments: str) -> Any:
    result = command(home, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def eventually(condition: Callable[[], T], *, seconds: float = 60.0) -> T:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
    return value


def processes_of(home: Home) -> list[str]:
    """Command lines of all living processes that were given this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(home.path).encode() in words:
                found.append((entry / "comm").read_text().strip())
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A stack below a folder of mode 0700, that runs for all tests of this module."""
    folder = tmp_path_factory.mktemp("private")
    folder.chmod(0o700)
    running = Home(folder / "home")
    try:
        start(running)
        yield running
    finally:
        bring_down(running)


@pytest.fixture
def second_home(tmp_path: Path) -> Iterator[Home]:
    other = Home(tmp_path / "home")
    try:
        yield other
    finally:
        bring_down(other)


def test_a_second_up_says_that_it_runs_and_changes_nothing(home: Home) -> None:
    before = read_state(home)
    told = answer(home, "up")
    assert told["already_running"] is True
    assert told["settings"] == dict(before.settings)
    assert read_state(home).identities() == before.identities()


def test_ps_shows_every_process_with_its_use_of_the_machine(home: Home) -> None:
    shown = {process["name"]: process for process in answer(home, "ps")["processes"]}
    assert {"kafka", "postgres", "s3", "ingest", "processor-1"} <= set(shown)
    assert shown["kafka"]["state"] == "ready"
    assert shown["kafka"]["memory_bytes"] > 50_000_000


def test_env_prints_what_a_shell_can_read(home: Home) -> None:
    lines = command(home, "env").stdout
    shown = subprocess.run(
        ["sh", "-c", f'{lines}\nprintf %s "$DATABASE_URL"'], capture_output=True, text=True, check=True
    )
    assert shown.stdout == read_state(home).settings["DATABASE_URL"]


def test_logs_knows_each_process_and_refuses_others(home: Home) -> None:
    assert answer(home, "logs", "kafka", "-n", "3")["lines"]
    refused = command(home, "logs", "nothing")
    assert refused.returncode == 2
    assert "kafka" in refused.stderr


def test_topics_and_migrate_may_run_twice(home: Home) -> None:
    for name in ("topics", "migrate"):
        assert answer(home, name)["done"]


@pytest.mark.parametrize("name", ["kafka", "postgres", "s3", "ingest"])
def test_what_is_killed_comes_back_on_its_port(home: Home, name: str) -> None:
    def process() -> Any:
        return next(each for each in read_state(home).processes if each.name == name)

    before = process()
    assert before.identity.send(signal.SIGKILL)
    eventually(lambda: process().restarts > before.restarts and process().condition == "ready")
    assert process().port == before.port


def test_up_while_it_runs_changes_the_number_of_processes(home: Home) -> None:
    def processors() -> list[str]:
        return [process["name"] for process in answer(home, "ps")["processes"] if "processor" in process["name"]]

    assert command(home, "up", "--processors", "3").returncode == 0
    assert processors() == ["processor-1", "processor-2", "processor-3"]
    assert command(home, "up", "--processors", "1").returncode == 0
    assert processors() == ["processor-1"]


def test_two_stacks_do_not_meet_and_down_stops_only_its_own(home: Home, second_home: Home) -> None:
    first, second = read_state(home), start(second_home)
    assert not set(first.ports.values()) & set(second.ports.values())
    assert processes_of(second_home)
    assert command(second_home, "down").stdout.startswith("Stopped everything")
    assert processes_of(second_home) == []
    assert read_state(home).is_up
    assert command(second_home, "down").stdout.startswith("Nothing runs")
    assert command(second_home, "env").returncode == 6


def test_after_the_death_of_its_supervisor_a_stack_goes_on_on_its_ports_and_without_its_home_it_stops(
    second_home: Home,
) -> None:
    before = start(second_home)
    assert before.supervisor is not None
    before.supervisor.send(signal.SIGKILL)
    eventually(lambda: processes_of(second_home) == [], seconds=10)
    assert "killed" in command(second_home, "ps").stdout
    after = start(second_home)
    assert {name: after.ports[name] for name in ("kafka", "postgres", "s3")} == {
        name: before.ports[name] for name in ("kafka", "postgres", "s3")
    }
    second_home.state_file.unlink()
    eventually(lambda: processes_of(second_home) == [])
    assert not is_supervised(second_home)


def parts_of(home: Home, *names: str) -> dict[str, str]:
    """What to set in order to use some parts of a stack that runs."""
    theirs = {name: value for name, value in read_state(home).settings.items() if name.startswith(names)}
    return {**theirs, "KAFKA_REPLICATION_FACTOR": "1", "KAFKA_PARTITIONS": "embedded"}


def test_a_service_that_cannot_start_is_named_with_its_last_words(home: Home, second_home: Home) -> None:
    with pytest.raises(ProcessNotUp) as caught:
        start(second_home, "one_that_crashes", more=parts_of(home, "KAFKA_", "DATABASE_URL", "S3_"))
    assert caught.value.process.name == "notifier"
    assert "the reason why it cannot start" in "\n".join(caught.value.process.last_lines)
    shown = command(second_home, "ps").stdout
    assert "crash-looping" in shown
    assert "the reason why it cannot start" in shown


def test_a_part_of_somebody_else_is_used_and_not_started(home: Home, second_home: Home) -> None:
    state = start(second_home, more=parts_of(home, "KAFKA_", "DATABASE_URL"))
    assert {process.name for process in state.processes} == {"s3", "prepare", "ingest", "processor-1"}
    assert state.settings["DATABASE_URL"] == read_state(home).settings["DATABASE_URL"]


def test_a_refused_jar_is_named_at_once(second_home: Home, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "pixelmill" / "kafka"
    cache.mkdir(parents=True)
    (cache / "kafka-clients-4.1.2.jar").write_bytes(b"not the jar")
    with pytest.raises(ProcessNotUp) as caught:
        start(second_home, more={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert "kafka-clients-4.1.2.jar was refused" in str(caught.value.process.last_exit)


def test_a_home_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = command(Home(tmp_path / "file" / "home"), "up")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "PIXELMILL_HOME" in result.stderr


def test_the_source_is_found_from_anywhere() -> None:
    assert (SOURCE / "deploy" / "embedded").is_dir()
