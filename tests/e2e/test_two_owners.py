"""A system that asks for keys: two owners who do not meet, an operator, and strangers with picture URLs."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from deploy.embedded.home import Home
from tests.e2e.completions import completions
from tests.e2e.local_servers import PictureSource, catalogue
from tests.e2e.system import System
from tests.waiting import until

pytestmark = pytest.mark.stack

NOT_FOR_PROCESSORS = ("DATABASE_URL", "URL_SIGNING_KEY", "WEBHOOK_SECRET", "WEBHOOK_SECRETS_KEY", "S3_SECRET_KEY")
SECRET_SETTINGS = (*NOT_FOR_PROCESSORS[1:], "OPERATOR_KEY", "S3_IMAGES_SECRET_KEY")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Person:
    """Somebody with a key, and the request that they made."""

    key: str
    request_id: str

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keyed")


@pytest.fixture(scope="module")
def keyed(home: Path) -> Iterator[System]:
    made = System(home, {"AUTH": "required"})
    made.up()
    yield made
    made.down()


@pytest.fixture(scope="module")
def shop(keyed: System, source: PictureSource) -> Person:
    return customer(keyed, "shop", catalogue(source.url, 2))


@pytest.fixture(scope="module")
def other(keyed: System, source: PictureSource) -> Person:
    return customer(keyed, "other", catalogue(source.url, 1))


def new_key(system: System, owner: str) -> str:
    made = system.run("keys", "create", "--owner", owner)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def customer(system: System, owner: str, text: str) -> Person:
    """An owner with a key that the operator made, and with one request."""
    key = new_key(system, owner)
    header = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
    address = f"{system.addresses['INGEST_PUBLIC_URL']}/v1/requests"
    accepted = system.http.post(address, content=text.encode(), headers=header)
    assert accepted.status_code == 202, accepted.text
    return Person(key, accepted.json()["request_id"])


async def ended(system: System, person: Person) -> None:
    """Wait for the end of a request."""

    def has_ended() -> bool:
        status = answer(system, f"GET /v1/requests/{person.request_id}", person.header).json()
        return bool(status["progress"]["percent"] == 100)

    await until(has_ended, seconds=60, what="the request has ended")


def answer(
    system: System, call: str, header: Mapping[str, str] | None = None, *, service: str = "AGGREGATOR"
) -> httpx2.Response:
    method, path = call.split()
    address = system.addresses[f"{service}_PUBLIC_URL"] + path
    return system.http.request(method, address, headers=dict(header or {}))


def operator_of(system: System) -> dict[str, str]:
    return {"Authorization": f"Bearer {system.addresses['OPERATOR_KEY']}"}


@pytest.mark.checklist("I14", "N16")
async def test_owners_see_their_own_requests_and_nothing_of_others(keyed: System, shop: Person, other: Person) -> None:
    for person in (shop, other):
        await ended(keyed, person)
        listed = answer(keyed, "GET /v1/requests", person.header).json()["items"]
        assert [item["request_id"] for item in listed] == [person.request_id]
    theirs = f"/v1/requests/{shop.request_id}"
    for service, call in (
        *(("AGGREGATOR", f"GET {theirs}{below}") for below in ("", "/images", "/output.csv", "/failures.csv")),
        *(("INGEST", f"POST {theirs}/{verb}") for verb in ("cancel", "retry")),
        ("INGEST", f"DELETE {theirs}"),
        ("NOTIFIER", f"GET {theirs}/deliveries"),
    ):
        refused = answer(keyed, call, other.header, service=service)
        unknown = answer(keyed, call.replace(shop.request_id, UNKNOWN), other.header, service=service)
        assert refused.status_code == 404, (call, refused.text)
        assert refused.text.replace(shop.request_id, UNKNOWN) == unknown.text, call
        assert answer(keyed, call, service=service).status_code == 401, call
        assert answer(keyed, call, operator_of(keyed), service=service).status_code == 403, call
    assert answer(keyed, f"GET {theirs}/output.csv", shop.header).status_code == 200


@pytest.mark.checklist("I14")
def test_a_revoked_key_is_worth_nothing_at_once(keyed: System) -> None:
    key = new_key(keyed, "guest")
    header = {"Authorization": f"Bearer {key}"}
    assert answer(keyed, "GET /v1/requests", header).json()["items"] == []
    assert keyed.run("keys", "revoke", key.split("_")[1]).returncode == 0
    for service, call in (("AGGREGATOR", "GET /v1/requests"), ("INGEST", "POST /v1/requests")):
        assert answer(keyed, call, header, service=service).status_code == 401
    assert answer(keyed, f"GET /v1/requests/{UNKNOWN}/deliveries", header, service="NOTIFIER").status_code == 401


@pytest.mark.checklist("I14", "N16")
def test_metrics_dead_letters_and_keys_are_for_the_operator_alone(keyed: System, shop: Person) -> None:
    for service, call in (
        ("AGGREGATOR", "GET /metrics"),
        ("AGGREGATOR", "GET /v1/dead-letters"),
        ("INGEST", "GET /v1/keys"),
    ):
        assert answer(keyed, call, service=service).status_code == 401
        assert answer(keyed, call, shop.header, service=service).status_code == 403
        assert answer(keyed, call, operator_of(keyed), service=service).status_code == 200
    assert keyed.run("dead-letters", "list").returncode == 0


@pytest.mark.checklist("A6", "A8")
async def test_a_picture_url_works_without_a_key_and_not_when_it_is_varied(keyed: System, shop: Person) -> None:
    await ended(keyed, shop)
    images = answer(keyed, f"GET /v1/requests/{shop.request_id}/images", shop.header).json()["items"]
    first, second = (urlsplit(item["renditions"][0]["url"]) for item in images)
    redirect = keyed.http.get(first.geturl())
    assert (redirect.status_code, redirect.headers["x-content-type-options"]) == (302, "nosniff")
    shown = keyed.http.get(redirect.headers["location"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")

    varied = [
        first._replace(query=""),
        first._replace(query=second.query),
        first._replace(query=f"{first.query[:-1]}{'A' if first.query[-1] != 'A' else 'B'}"),
        first._replace(path=second.path),
        first._replace(path=first.path.replace("compressed", "thumbnail")),
        first._replace(path=first.path.replace(".jpg", ".png")),
    ]
    assert [keyed.http.get(url.geturl()).status_code for url in varied] == [403] * len(varied)
    assert keyed.http.get(first._replace(query="").geturl(), headers=shop.header).status_code == 403

    stored = urlsplit(redirect.headers["location"])
    neighbour = stored._replace(path=stored.path.replace("/0/", "/1/"))
    listing = stored._replace(path=stored.path.split("/")[1], query="list-type=2")
    assert [keyed.http.get(url.geturl()).status_code for url in (neighbour, listing)] == [403, 403]


async def test_the_completion_event_names_the_owner(keyed: System, shop: Person, other: Person) -> None:
    def owners() -> dict[str, str]:
        events = completions(keyed.addresses["KAFKA_BOOTSTRAP_SERVERS"])
        return {event["request_id"]: event["owner"] for event in events}

    expected = {shop.request_id: "shop", other.request_id: "other"}
    await until(lambda: owners() == expected, seconds=30, what="both completions are there")


def test_a_readiness_that_strangers_may_ask_tells_them_no_more_than_that(keyed: System) -> None:
    parts = answer(keyed, "GET /readyz").json()["parts"]
    assert set(parts.values()) == {"ok"}


@pytest.mark.skipif(os.geteuid() != 0, reason="a processor shows its environment to root only")
@pytest.mark.checklist("D5")
def test_a_processor_is_told_no_secret_that_it_does_not_read(keyed: System) -> None:
    identity = keyed.processes()["processor-1"].identity
    assert identity is not None
    environment = Path(f"/proc/{identity.pid}/environ").read_text("utf-8")
    assert keyed.addresses["S3_IMAGES_SECRET_KEY"] in environment
    assert not [name for name in NOT_FOR_PROCESSORS if keyed.addresses[name] in environment]


@pytest.mark.checklist("N4", "N16")
def test_no_log_holds_a_secret_or_a_key(keyed: System, home: Path, shop: Person, other: Person) -> None:
    settings = keyed.addresses
    password = urlsplit(settings["DATABASE_URL"]).password or ""
    secrets = [*(settings[name] for name in SECRET_SETTINGS), password, shop.key, other.key]
    assert all(len(secret) >= 24 for secret in secrets)
    logs = list(Home(home).logs.glob("*.log"))
    assert len(logs) >= 8
    telling = {log.name for log in logs for secret in secrets if secret in log.read_text("utf-8", "replace")}
    assert telling == set()
