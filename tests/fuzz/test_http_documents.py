"""Every service answers as its OpenAPI document says, whatever it is asked.

The calls are made up from the documents: what they allow, and what they do not. None may be answered with a 5xx, with
a status or a type that the document does not name, or with what does not fit its schema; and what breaks the document
is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2
import pytest
import schemathesis
from hypothesis import settings
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from deploy.openapi_document import openapi
from tests.fuzz.running_services import ROLES, Services, running_services
from tests.stack import StackForTests

IS_LONG: Final = settings.get_current_profile_name() == "fuzz"
MAX_EXAMPLES: Final = 300 if IS_LONG else 8
OPERATORS_PATHS: Final = ("/metrics", "/v1/keys", "/v1/dead-letters")
DOCUMENTS: Final[Mapping[str, dict[str, Any]]] = {name: openapi(name) for name in ROLES}

REFUSALS: Final = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
"""How a call that breaks its document may be answered. It may be too large, too."""


@pytest.fixture(scope="module", params=["required", "off"] if IS_LONG else ["required"])
def services(request: pytest.FixtureRequest, stack: StackForTests) -> Iterator[Services]:
    with running_services(stack, request.param) as running:
        yield running


def status_is_named(_context: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Stricter than the library's check: that a document names further problems as a whole is not enough."""
    named = case.operation.definition.raw["responses"]
    if case.method.upper() != case.operation.method.upper():
        named = {"405": "The library tries methods that the path does not have."}
    assert str(response.status_code) in named, f"{response.status_code} is not documented"
    return None


OF_ANSWERS: Final = [
    not_a_server_error,
    status_is_named,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
OF_REFUSALS: Final = [checks.negative_data_rejection, checks.missing_required_header]
"""Where keys are asked for: without, a call that lacks its key is none that breaks the document."""


@pytest.mark.stack
@pytest.mark.parametrize("name", sorted(ROLES))
def test_a_service_serves_the_document_that_is_published(name: str, services: Services) -> None:
    assert httpx2.get(f"{services.urls[name]}/openapi.json", trust_env=False).json() == DOCUMENTS[name]


def schema_of(name: str) -> schemathesis.BaseSchema:
    """The document as the library reads it, with the same calls each time unless it runs at length."""
    judged = {"negative_data_rejection": {"expected-statuses": REFUSALS}}
    config = SchemathesisConfig.from_dict({"checks": judged} if IS_LONG else {"checks": judged, "seed": 1})
    return schemathesis.openapi.from_dict(DOCUMENTS[name], config=config)


def answers_as_documented(case: Case[Any], services: Services, name: str) -> None:
    """Make one call of this service, and judge the answer."""
    is_for_operators = case.path.startswith(OPERATORS_PATHS)
    if "request_id" in case.path_parameters and is_allowed(case):
        case.path_parameters["request_id"] = services.request_id
    judges_refusals = bool(services.owner) and not is_right_in_a_url(case)
    case.call_and_validate(
        base_url=services.urls[name],
        headers=dict(services.operator if is_for_operators else services.owner),
        checks=[*OF_ANSWERS, *(OF_REFUSALS if judges_refusals else ())],
    )


def is_right_in_a_url(case: Case[Any]) -> bool:
    """Whether something that breaks the document is lost on the way: in a query a list of one is what is in it."""
    return any(isinstance(value, list) and len(value) <= 1 for value in (case.query or {}).values())


def is_allowed(case: Case[Any]) -> bool:
    """Whether the call is one that the document allows."""
    return case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE


INGEST, AGGREGATOR, NOTIFIER, PROCESSOR = (schema_of(name) for name in ROLES)


@pytest.mark.stack
@INGEST.parametrize()
@settings(max_examples=MAX_EXAMPLES)
def test_ingest_answers_as_documented(case: Case[Any], services: Services) -> None:
    answers_as_documented(case, services, "ingest")


@pytest.mark.stack
@AGGREGATOR.parametrize()
@settings(max_examples=MAX_EXAMPLES)
def test_the_aggregator_answers_as_documented(case: Case[Any], services: Services) -> None:
    answers_as_documented(case, services, "aggregator")


@pytest.mark.stack
@NOTIFIER.parametrize()
@settings(max_examples=MAX_EXAMPLES)
def test_the_notifier_answers_as_documented(case: Case[Any], services: Services) -> None:
    answers_as_documented(case, services, "notifier")


@pytest.mark.stack
@PROCESSOR.parametrize()
@settings(max_examples=MAX_EXAMPLES)
def test_the_processor_answers_as_documented(case: Case[Any], services: Services) -> None:
    answers_as_documented(case, services, "processor")
