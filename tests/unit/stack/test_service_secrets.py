"""Each process of the embedded stack is told the secrets that it reads, and no other."""

from types import NoneType
from typing import get_args

import pytest
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import SecretStr

from deploy.embedded.service_secrets import READERS, told_to
from deploy.embedded.services import Scale, pixelmill_services
from deploy.embedded.storage_identities import administrator, identities_file, keeper_of_pictures
from deploy.settings_table import SERVICES
from shared.http.callers import Operators
from tests.callers import OPERATOR_KEY

ALL = {
    **dict.fromkeys(READERS, "a secret"),
    "S3_ACCESS_KEY": "all",
    "S3_SECRET_KEY": "all",
    "S3_IMAGES_ACCESS_KEY": "pictures",
    "S3_IMAGES_SECRET_KEY": "pictures",
    "PATH": "/bin",
}


def secrets_of(service: str) -> set[str]:
    fields = SERVICES[service].model_fields.items()
    return {name.upper() for name, field in fields if SecretStr in {field.annotation, *get_args(field.annotation)}}


@pytest.mark.checklist("D5")
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_the_secrets_that_its_settings_name_and_no_other(service: str) -> None:
    everyones = set.intersection(*(secrets_of(name) for name in SERVICES))
    told = told_to(service, ALL)
    assert set(told) & set(READERS) == secrets_of(service) - everyones
    assert told["PATH"] == "/bin"
    assert NoneType not in map(type, told.values())


@pytest.mark.checklist("D5")
@pytest.mark.parametrize("service", SERVICES)
def test_a_processor_has_an_account_of_its_own_at_the_s3_server(service: str) -> None:
    told = told_to(service, ALL)
    account = "pictures" if service == "processor" else "all"
    assert told["S3_ACCESS_KEY"] == told["S3_SECRET_KEY"] == account
    assert not {"S3_IMAGES_ACCESS_KEY", "S3_IMAGES_SECRET_KEY"} & set(told)


def test_a_processor_has_the_account_of_all_where_there_is_no_other() -> None:
    assert told_to("processor", {"S3_ACCESS_KEY": "all"}) == {"S3_ACCESS_KEY": "all"}


@pytest.mark.checklist("D5")
@pytest.mark.parametrize("service", SERVICES)
def test_a_processor_can_tell_an_operator_and_be_none(service: str) -> None:
    told = told_to(service, {"OPERATOR_KEY": OPERATOR_KEY})["OPERATOR_KEY"]
    assert (told == OPERATOR_KEY) is (service != "processor")
    operators = Operators("required", told)
    assert operators.lets_in(HTTPAuthorizationCredentials(scheme="Bearer", credentials=OPERATOR_KEY))
    assert operators.lets_in(HTTPAuthorizationCredentials(scheme="Bearer", credentials=told)) is (
        service != "processor"
    )
    assert told_to(service, {"OPERATOR_KEY": told}) == {"OPERATOR_KEY": told}


def test_each_process_is_known_by_its_service() -> None:
    services = {program.service for program in pixelmill_services(Scale(processors=2, aggregators=2))}
    assert services == set(SERVICES)


@pytest.mark.checklist("D5")
def test_the_account_of_processors_is_for_one_bucket_without_listing_or_deletion() -> None:
    processor = keeper_of_pictures("key", "secret", bucket="pictures")
    assert processor.policy is not None
    said = str(processor.policy)
    assert "arn:aws:s3:::pictures/*" in said
    assert not [word for word in ("List", "Delete", "s3:*", "Deny", "requests") if word in said]
    assert not processor.actions


def test_accounts_name_no_key_where_they_are_printed() -> None:
    identity = administrator("an access key", "a secret key")
    assert "key" not in repr(identity)
    assert "a secret key" in str(identities_file([identity]))
