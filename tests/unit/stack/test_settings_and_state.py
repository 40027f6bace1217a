import stat
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.embedded.errors import HomeNotUsable
from deploy.embedded.home import Home
from deploy.embedded.process_identity import ProcessIdentity
from deploy.embedded.services import Scale, pixelmill_services
from deploy.embedded.stack_parts import External, assemble
from deploy.embedded.stack_secrets import load_secrets
from deploy.embedded.stack_settings import common_settings, effective_settings
from deploy.embedded.stack_state import ProcessState, StackState, read_state, this_boot, write_state


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


def test_secrets_are_made_once_and_only_their_owner_can_read_them(home: Home) -> None:
    first = load_secrets(home)
    assert load_secrets(home) == first
    assert stat.S_IMODE(home.secrets_file.stat().st_mode) == 0o600
    assert first.webhook_secret.startswith("whsec_")
    assert first.s3_secret_key not in repr(first)


def test_a_state_is_read_as_it_was_written(home: Home) -> None:
    kafka = ProcessState("kafka", "ready", 9092, ProcessIdentity(1, 2), last_lines=("a", "b"))
    state = StackState(this_boot(), ProcessIdentity(3, 4), "running", ports={"kafka": 9092}, processes=(kafka,))
    write_state(home, state)
    assert read_state(home) == state


def test_a_state_of_an_earlier_boot_names_no_process(home: Home) -> None:
    kafka = ProcessState("kafka", "ready", 9092, ProcessIdentity(1, 2))
    state = StackState("another boot", ProcessIdentity(1, 2), "running", processes=(kafka,))
    assert not state.is_running
    assert state.identities() == []


def test_no_state_or_a_broken_one_is_that_of_a_stack_that_never_ran(home: Home) -> None:
    assert read_state(home) == StackState()
    home.state_file.write_text("{")
    assert read_state(home) == StackState()


def test_a_stack_is_up_when_all_that_is_wanted_serves() -> None:
    ready, starting = ProcessState("a", "ready"), ProcessState("b", "starting")
    state = StackState(phase="running", processes=(ready,))
    assert state.is_up
    assert not replace(state, processes=(ready, starting)).is_up


def test_external_parts_are_not_started_and_their_settings_pass_through(home: Home) -> None:
    theirs = {"DATABASE_URL": "postgresql://them", "S3_ENDPOINT": "http://them", "S3_ACCESS_KEY": "key"}
    ports = {"kafka": 1, "kafka.controller": 2}
    parts = assemble(home, ports, load_secrets(home), theirs)
    assert External.of(theirs).port_names() == ["kafka", "kafka.controller"]
    assert [part.name for part in parts.parts] == ["kafka"]
    settings = effective_settings(common_settings(home, ports, load_secrets(home), theirs), parts.settings, theirs)
    assert settings["DATABASE_URL"] == "postgresql://them"
    assert settings["S3_ACCESS_KEY"] == "key"
    assert settings["KAFKA_PARTITIONS"] == "embedded"


def test_keys_meant_for_another_s3_server_do_not_reach_our_own(home: Home) -> None:
    secrets = load_secrets(home)
    ports = dict.fromkeys(External.of({}).port_names(), 1)
    parts = assemble(home, ports, secrets, {})
    settings = effective_settings({}, parts.settings, {"S3_ACCESS_KEY": "stray"})
    assert settings["S3_ACCESS_KEY"] == secrets.s3_access_key


def test_what_the_user_sets_wins_over_common_settings(home: Home) -> None:
    settings = common_settings(home, {"ingest": 8081}, load_secrets(home), {"INGEST_PUBLIC_URL": "https://shop"})
    assert settings["INGEST_PUBLIC_URL"] == "https://shop"
    assert settings["AUTH"] == "off"


def test_scaling_adds_processes_that_share_a_role() -> None:
    names = [program.name for program in pixelmill_services(Scale(processors=2, aggregators=2))]
    assert names == ["ingest", "processor-1", "processor-2", "aggregator-1", "aggregator-2", "aggregator", "notifier"]


def test_a_home_in_the_way_of_a_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeNotUsable, match="PIXELMILL_HOME"):
        Home(tmp_path / "file" / "home").create()
