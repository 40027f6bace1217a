"""The calls of the webhook receiver: each request was announced, under one id, rightly signed, with what happened."""

import base64
import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tests.chaos.checker.evidence import Call, Evidence, Finding

_TAKEN: Final = range(200, 300)


def webhook_findings(evidence: Evidence) -> Iterator[Finding]:
    """Everything that is wrong with the webhooks of a run."""
    by_request: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        if not is_signed(call, evidence.webhook_secret):
            yield Finding(
                "webhooks", f"the signature of {call.headers.get('webhook-id')} is wrong: {call.body[:200]!r}"
            )
            continue
        by_request[str(json.loads(call.body).get("data", {}).get("request_id"))].append(call)
    completions = {str(completion["request_id"]): completion for completion in evidence.completions}
    for request_id in evidence.accepted:
        calls = by_request.pop(request_id, [])
        yield from (
            Finding("webhooks", f"request {request_id}: {words}")
            for words in _of_one_request(calls, completions.get(request_id))
        )
    for request_id in by_request:
        yield Finding("webhooks", f"a webhook for a request that nobody submitted: {request_id}")
    yield from _shared_ids(evidence.calls)


def is_signed(call: Call, secret: str) -> bool:
    """Whether a call bears a signature of this secret, as Standard Webhooks 1.0 lays down."""
    try:
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
        given = call.headers["webhook-signature"].split(" ")
    except KeyError:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")
    return any(hmac.compare_digest(right, signature) for signature in given)


def _of_one_request(calls: Sequence[Call], completion: Mapping[str, Any] | None) -> Iterator[str]:
    if not any(call.status in _TAKEN for call in calls):
        yield f"no webhook was taken, of {len(calls)} that arrived"
    if len({call.headers["webhook-id"] for call in calls}) > 1:
        yield "webhooks with several ids"
    if len({call.body for call in calls}) > 1:
        yield "webhooks with different bodies"
    for body in {call.body for call in calls}:
        told = json.loads(body)
        if told.get("type") != "request.completed" or (completion is not None and told["data"] != completion):
            yield f"the webhook says other than the completion: {told}"


def _shared_ids(calls: Sequence[Call]) -> Iterator[Finding]:
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for call in calls:
        bodies[call.headers.get("webhook-id", "")].add(call.body)
    for name, different in bodies.items():
        if len(different) > 1:
            yield Finding("webhooks", f"{len(different)} different bodies under the id {name}")
