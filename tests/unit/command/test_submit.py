"""`pixelmill submit`."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.scripted_server import Reply
from tests.unit.command.answers import accepted, status
from tests.unit.command.conftest import Command

SUBMIT = "POST /v1/requests"
STATUS = "GET /v1/requests/r1"
OUTPUT = "GET /v1/requests/r1/output.csv"


def test_the_file_and_the_options_arrive_and_the_answer_says_how_to_go_on(command: Command, csv: Path) -> None:
    command.server.on(SUBMIT, accepted())
    command.environment["PIXELMILL_API_KEY"] = "key-1"
    ended = command(
        "submit", csv, "--quality", "70", "--format", "webp", "--callback-url", "https://x.example/h?a=1&b=2",
        "--idempotency-key", "once",
    )  # fmt: skip
    (asked,) = command.server.asked
    assert ended.exit_code == 0
    assert asked.body == csv.read_bytes()
    assert asked.headers["content-type"] == "text/csv"
    assert asked.headers["idempotency-key"] == "once"
    assert asked.headers["authorization"] == "Bearer key-1"
    assert parse_qs(urlsplit(asked.path).query) == {
        "quality": ["70"],
        "format": ["webp"],
        "callback_url": ["https://x.example/h?a=1&b=2"],
    }
    assert "pixelmill status r1 --watch" in ended.stdout


def test_every_option_of_the_server_can_be_given(command: Command, csv: Path) -> None:
    command.server.on(SUBMIT, accepted())
    ended = command(
        "submit", csv, "--recipe", "shop", "--on-invalid", "keep", "--failed-slots", "empty", "--encoding", "cp1252",
        "--priority", "low", "--metadata", '{"season": "spring"}',
    )  # fmt: skip
    assert ended.exit_code == 0
    assert parse_qs(urlsplit(command.server.asked[0].path).query) == {
        "recipe": ["shop"],
        "on_invalid": ["keep"],
        "failed_slots": ["empty"],
        "encoding": ["cp1252"],
        "priority": ["low"],
        "metadata": ['{"season": "spring"}'],
    }


def test_how_the_file_was_read_and_what_was_let_pass_is_said(command: Command, csv: Path) -> None:
    warning = {"row": 1, "line": 2, "column": "Image URLs", "code": "invalid_url", "message": "Not a URL."}
    found = {"csv": {"encoding": "cp1252", "delimiter": ";"}, "carried_over": 1}
    body = {**accepted().body, **found, "warnings": [warning], "warnings_total": 1}
    command.server.on(SUBMIT, Reply(202, body))
    ended = command("submit", csv, "--on-invalid", "keep")
    assert "2 rows, 3 images, 1 of them carried over, read as cp1252, separated by semicolons." in ended.stdout
    assert "invalid_url" in ended.stderr
    assert "Let pass, as on_invalid=keep asks: 1 in all." in ended.stderr


@pytest.mark.parametrize("metadata", ["spring", "[1]", "{"])
def test_metadata_that_is_no_object_is_a_usage_error(command: Command, csv: Path, metadata: str) -> None:
    assert command("submit", csv, "--metadata", metadata).exit_code == 2
    assert command.server.asked == []


def test_no_option_is_sent_that_was_not_given(command: Command, csv: Path) -> None:
    command.server.on(SUBMIT, accepted())
    command("submit", csv)
    assert command.server.asked[0].path == "/v1/requests"
    assert "authorization" not in command.server.asked[0].headers


def test_watching_ends_with_the_outcome_and_saves_the_output(command: Command, csv: Path, tmp_path: Path) -> None:
    command.server.on(SUBMIT, accepted())
    command.server.on(STATUS, status("pending"), status("completed"))
    command.server.on(OUTPUT, Reply(200, b"a,b\n", "text/csv"))
    target = tmp_path / "out.csv"
    ended = command("submit", csv, "--watch", "--output", target)
    assert ended.exit_code == 0
    assert target.read_bytes() == b"a,b\n"
    assert "COMPLETED all 3 images" in ended.stdout
    assert list(tmp_path.iterdir()) == [csv, target] or set(tmp_path.iterdir()) == {csv, target}


def test_failed_images_come_first_and_give_exit_code_3(command: Command, csv: Path) -> None:
    command.server.on(SUBMIT, accepted())
    command.server.on(STATUS, status("completed", failed=2, codes=["http_404", "timeout"]))
    ended = command("submit", csv, "--watch")
    assert ended.exit_code == 3
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("COMPLETED WITH FAILURES 2 of 3 images failed")
    assert lines[1:3] == ["  failures by code: http_404 1, timeout 1", "  failures by host: shop.example 2"]
    assert "1 succeeded" in lines[3]


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_every_other_end_gives_exit_code_4(command: Command, csv: Path, state: str) -> None:
    command.server.on(SUBMIT, accepted())
    command.server.on(STATUS, status(state, failed=1, not_attempted=2))
    ended = command("submit", csv, "--watch")
    assert ended.exit_code == 4
    assert ended.stdout.startswith(f"{state.upper()} 1 of 3 images failed, 2 not attempted")


def test_with_json_standard_output_holds_the_final_status_and_nothing_else(command: Command, csv: Path) -> None:
    command.server.on(SUBMIT, accepted())
    command.server.on(STATUS, status("pending"), status("completed", failed=1))
    ended = command("submit", csv, "--watch", "--json")
    assert ended.exit_code == 3
    assert json.loads(ended.stdout) == status("completed", failed=1).body


def refused_csv() -> Reply:
    error = {"row": 2, "line": 3, "column": "Image URLs", "code": "invalid_url", "message": "no [scheme]"}
    problem = {"type": "urn:pixelmill:problem:invalid-csv", "title": "Refused", "status": 422, "detail": "1 error."}
    return Reply(422, {**problem, "errors": [error], "errors_total": 1}, "application/problem+json")


def test_a_refused_csv_shows_the_place_of_each_error_and_gives_exit_code_5(command: Command, csv: Path) -> None:
    command.server.on(SUBMIT, refused_csv())
    ended = command("submit", csv)
    assert ended.exit_code == 5
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[0] == "REFUSED 1 error."
    assert ended.stderr.splitlines()[-1].split() == ["2", "3", "Image", "URLs", "invalid_url", "no", "[scheme]"]


def test_a_refused_csv_as_json_is_the_problem_of_the_server(command: Command, csv: Path) -> None:
    command.server.on(SUBMIT, refused_csv())
    ended = command("submit", csv, "--json")
    assert ended.exit_code == 5
    assert json.loads(ended.stdout)["errors"][0]["code"] == "invalid_url"


def test_a_refused_option_is_an_error_and_not_a_refused_csv(command: Command, csv: Path) -> None:
    problem = {"type": "urn:pixelmill:problem:invalid-parameters", "status": 422, "detail": "See errors."}
    command.server.on(SUBMIT, Reply(422, {**problem, "errors": [{"column": "x", "code": "c", "message": "m"}]}))
    assert command("submit", csv).exit_code == 1


@pytest.mark.parametrize(("valid", "code"), [(True, 0), (False, 5)])
def test_a_dry_run_tells_its_verdict(command: Command, csv: Path, valid: bool, code: int) -> None:
    command.server.on(SUBMIT, Reply(200, {"valid": valid, "rows": 2, "images_total": 3, "errors": []}))
    ended = command("submit", csv, "--dry-run")
    assert ended.exit_code == code
    assert command.server.asked[0].path == "/v1/requests?dry_run=true"
    assert "nothing was submitted" in ended.stdout


def test_a_server_that_is_away_gives_exit_code_6_and_one_line(command: Command, csv: Path) -> None:
    command.environment["PIXELMILL_URL"] = "http://127.0.0.1:1"
    ended = command("submit", csv)
    assert ended.exit_code == 6
    assert len(ended.stderr.splitlines()) == 1
    assert "http://127.0.0.1:1" in ended.stderr


def test_a_page_that_is_not_ours_is_an_error_without_a_trace(command: Command, csv: Path) -> None:
    command.server.on(SUBMIT, Reply(502, b"<html>Bad gateway</html>", "text/html"))
    ended = command("submit", csv)
    assert (ended.exit_code, ended.stderr) == (1, "REFUSED The server answered 502 Bad Gateway.\n")
    command.server.on(SUBMIT, Reply(200, b"<html>Welcome</html>", "text/html"))
    ended = command("submit", csv)
    assert ended.exit_code == 1
    assert "does not answer like Pixelmill" in ended.stderr


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_cannot_be_read_is_a_usage_error_in_one_line(command: Command, tmp_path: Path, name: str) -> None:
    ended = command("submit", tmp_path / name)
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
    assert command.server.asked == []


def test_an_output_that_cannot_be_written_is_noticed_before_anything_is_sent(
    command: Command, csv: Path, tmp_path: Path
) -> None:
    for output in (tmp_path, tmp_path / "none" / "out.csv", csv):
        assert command("submit", csv, "--output", output).exit_code == 2
    assert command.server.asked == []
    assert csv.stat().st_size > 0


@pytest.mark.parametrize("options", [["--quality", "96"], ["--format", "tiff"], ["--colour", "red"]])
def test_wrong_options_are_usage_errors(command: Command, csv: Path, options: list[str]) -> None:
    assert command("submit", csv, *options).exit_code == 2
