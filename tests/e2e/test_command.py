"""The user's commands against the running system: from a file to its pictures in a folder, and gone again."""

import json
from pathlib import Path

import pytest

from tests.e2e.local_servers import PictureSource, catalogue
from tests.e2e.system import System

pytestmark = pytest.mark.stack

IMAGES = 6
MISSING = 4


@pytest.fixture(scope="module")
def submitted(system: System, source: PictureSource, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A request that has ended with one failed image."""
    file = tmp_path_factory.mktemp("catalogue") / "catalogue.csv"
    file.write_text(catalogue(source.url, IMAGES, missing=(MISSING,)), "utf-8")
    ended = system.run("submit", str(file), "--watch", "--metadata", '{"season": "spring"}', "--json")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    status = json.loads(ended.stdout)
    assert status["metadata"] == {"season": "spring"}
    return str(status["request_id"])


def test_the_request_is_listed_with_its_failures(system: System, submitted: str) -> None:
    listed = json.loads(system.run("list", "--state", "completed", "--limit", "1000", "--json").stdout)
    [found] = [item for item in listed["items"] if item["request_id"] == submitted]
    assert found["progress"]["failed"] == 1
    assert submitted in system.run("list", "--since", found["submitted_at"]).stdout
    assert submitted not in system.run("list", "--until", found["submitted_at"], "--limit", "1000").stdout


def test_all_pictures_come_into_a_folder_once(system: System, submitted: str, tmp_path: Path) -> None:
    output, folder = tmp_path / "out.csv", tmp_path / "pictures"
    arguments = ("download", submitted, "--output", str(output), "--images", str(folder))
    first = system.run(*arguments)
    assert first.returncode == 0, first.stderr
    assert sorted(file.name for file in folder.iterdir()) == [
        f"{index}-compressed.jpg" for index in range(IMAGES) if index != MISSING
    ]
    assert "Saved 0 pictures" in system.run(*arguments).stderr


def test_the_failures_can_be_downloaded(system: System, submitted: str, tmp_path: Path) -> None:
    failures = tmp_path / "failures.csv"
    assert system.run("download", submitted, "--failures", "--output", str(failures)).returncode == 0
    assert len(failures.read_text("utf-8").splitlines()) == 2


@pytest.mark.checklist("A6")
def test_a_deleted_request_is_gone_with_its_pictures(system: System, source: PictureSource, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.csv"
    file.write_text(catalogue(source.url, 1), "utf-8")
    request_id = json.loads(system.run("submit", str(file), "--watch", "--json").stdout)["request_id"]
    [image] = system.images(request_id)
    assert system.http.get(image["renditions"][0]["url"], follow_redirects=True).status_code == 200

    assert system.run("delete", request_id).returncode == 0
    assert system.run("delete", request_id).returncode == 1
    assert system.http.get(image["renditions"][0]["url"]).status_code == 410
    assert system.run("download", request_id, "--output", str(tmp_path / "out.csv")).returncode == 1


def test_the_server_may_be_a_remote_one(system: System, submitted: str) -> None:
    aggregator = system.addresses["AGGREGATOR_PUBLIC_URL"]
    assert system.run("status", submitted, PIXELMILL_URL=aggregator).returncode == 3
    away = system.run("status", submitted, PIXELMILL_URL="http://127.0.0.1:1")
    assert (away.returncode, len(away.stderr.splitlines())) == (6, 1)
