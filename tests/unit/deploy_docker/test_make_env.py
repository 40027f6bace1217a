"""`.env` is made once, with secrets that nobody else has."""

from pathlib import Path

import pytest

from deploy.compose.make_env import ROOT, SECRETS, filled, main
from services.notifier.domain.signature import WebhookSecret
from shared.api_keys import operator_digest

EXAMPLE = "# a comment = stays\nPOSTGRES_PASSWORD=\nWEBHOOK_SECRET=\nAUTH=off\nFETCH_ALLOW_NETWORKS=\n"


def values(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def test_every_empty_secret_gets_a_value_and_nothing_else_changes() -> None:
    text = filled(EXAMPLE)
    made = values(text)
    assert len(made["POSTGRES_PASSWORD"]) == 48
    assert made["AUTH"] == "off"
    assert made["FETCH_ALLOW_NETWORKS"] == ""
    assert text.startswith("# a comment = stays\n")


def test_two_files_share_no_secret() -> None:
    first, second = values(filled(EXAMPLE)), values(filled(EXAMPLE))
    assert first["POSTGRES_PASSWORD"] != second["POSTGRES_PASSWORD"]
    assert first["WEBHOOK_SECRET"] != second["WEBHOOK_SECRET"]


def test_the_webhook_secret_is_one_that_the_notifier_takes() -> None:
    WebhookSecret.parse(values(filled(EXAMPLE))["WEBHOOK_SECRET"])


def test_the_digest_of_a_secret_is_that_of_the_secret_that_stands_before_it() -> None:
    made = values(filled("OPERATOR_KEY=\nOPERATOR_KEY_SHA256=\n"))
    assert operator_digest(made["OPERATOR_KEY_SHA256"]) == operator_digest(made["OPERATOR_KEY"])


def test_a_secret_that_was_chosen_stays() -> None:
    assert values(filled("URL_SIGNING_KEY=mine-and-nobody-elses\n"))["URL_SIGNING_KEY"] == "mine-and-nobody-elses"


def test_the_example_has_a_place_for_every_secret() -> None:
    example = values((ROOT / ".env.example").read_text("utf-8"))
    assert {name for name in SECRETS if example[name] == ""} == set(SECRETS)


def test_the_file_belongs_to_its_owner_and_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE, "utf-8")
    assert main(tmp_path) == 0
    written = (tmp_path / ".env").read_text("utf-8")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert main(tmp_path) == 1
    assert (tmp_path / ".env").read_text("utf-8") == written
    assert "stays as it is" in capsys.readouterr().err
