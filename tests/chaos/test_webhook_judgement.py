"""The checker finds each kind of wrong webhook."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker.evidence import Call, Evidence
from tests.chaos.checker.judgement import findings
from tests.chaos.made_up_evidence import REQUESTS, call, right_evidence

FIRST, SECOND = REQUESTS


def kinds(evidence: Evidence) -> set[str]:
    return {finding.kind for finding in findings(evidence)}


def forged(right: Call) -> Call:
    return replace(right, body=right.body.replace(b'"completed"', b'"cancelled"'))


def without_signature(right: Call) -> Call:
    return replace(right, headers={"webhook-id": right.headers["webhook-id"]})


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda data, right: [], id="no webhook"),
        pytest.param(lambda data, right: [replace(right, status=500)], id="none that was taken"),
        pytest.param(lambda data, right: [right, forged(right)], id="a wrong signature"),
        pytest.param(lambda data, right: [right, without_signature(right)], id="no signature"),
        pytest.param(lambda data, right: [right, call(data, name="another")], id="two ids"),
        pytest.param(lambda data, right: [call({**data, "state": "failed"})], id="other than the completion"),
        pytest.param(lambda data, right: [call(data, told=json.dumps({"type": "x", "data": data}))], id="another type"),
        pytest.param(lambda data, right: [call({**data, "request_id": "x"}), right], id="a request of nobody"),
        pytest.param(lambda data, right: [call(data, name=f"delivery-of-{SECOND}")], id="one id for two requests"),
    ],
)
def test_webhooks_that_are_wrong_are_found(spoilt: Callable[[Any, Call], list[Call]]) -> None:
    evidence = right_evidence()
    calls = [*spoilt(evidence.completions[0], evidence.calls[0]), evidence.calls[1]]
    assert kinds(replace(evidence, calls=calls)) == {"webhooks"}


def test_a_webhook_may_arrive_several_times() -> None:
    evidence = right_evidence()
    again = replace(evidence.calls[0], status=500)
    assert findings(replace(evidence, calls=[again, *evidence.calls, evidence.calls[0]])) == []
