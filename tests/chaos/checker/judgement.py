"""All that has to hold after a run. What does not is a finding, in words."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.catalogues import Catalogue
from tests.chaos.checker.evidence import Counts, Evidence, Finding, Unreadable
from tests.chaos.checker.output_rows import Output, normalised
from tests.chaos.checker.webhooks import webhook_findings

WHOLE = 100


def findings(evidence: Evidence) -> list[Finding]:
    """Everything that is wrong, each with its kind."""
    found = [Finding("unanswered", f"catalogue {number} never got an answer") for number in evidence.unanswered]
    found += _completion_findings(evidence)
    for request_id, catalogue in evidence.accepted.items():
        found += _end_findings(evidence, request_id, catalogue)
        found += _output_findings(evidence, request_id, catalogue)
    found += webhook_findings(evidence)
    found += [Finding("lag", f"{lag.group} is {lag.records} records behind in {lag.topic}/{lag.partition}")
              for lag in evidence.lags if lag.records]  # fmt: skip
    return found + list(_dead_letter_findings(evidence))


def expected_counts(catalogue: Catalogue) -> Counts:
    """What has to become of the images of a catalogue, in sum."""
    failed = catalogue.failures.total()
    return Counts(catalogue.images, catalogue.images - failed, failed, 0)


def differences(evidence: Evidence, reference: Evidence) -> list[Finding]:
    """Outputs that are not what an undisturbed run of the same input makes, ids and signatures aside."""
    undisturbed = {
        catalogue.number: normalised(reference.outputs.get(request_id, ""), request_id, reference.aggregator_url)
        for request_id, catalogue in reference.accepted.items()
    }
    return [
        Finding("differences", f"output.csv of {request_id} is not that of the undisturbed run")
        for request_id, catalogue in evidence.accepted.items()
        if normalised(evidence.outputs.get(request_id, ""), request_id, evidence.aggregator_url)
        != undisturbed.get(catalogue.number)
    ]


def _completion_findings(evidence: Evidence) -> Iterator[Finding]:
    times = Counter(str(completion["request_id"]) for completion in evidence.completions)
    for request_id in evidence.accepted:
        if times[request_id] == 0:
            yield Finding("lost", f"request {request_id} was accepted and has no completion")
    for request_id, count in times.items():
        if count > 1:
            yield Finding("doubled", f"request {request_id} has {count} completions")
        if request_id not in evidence.accepted and not evidence.unanswered:
            yield Finding("unknown", f"a completion of {request_id}, for which there was no 202")


def _dead_letter_findings(evidence: Evidence) -> Iterator[Finding]:
    """Images that were tried in vain are dead letters, once or several times, and nothing else is."""
    dead = set(evidence.dead_letters.images)
    given_up = {
        (request_id, slot.url)
        for request_id, catalogue in evidence.accepted.items()
        for slot in catalogue.slots
        if slot.is_given_up
    }
    for request_id, url in sorted(given_up - dead):
        yield Finding("dead letters", f"request {request_id}: {url} was given up and is no dead letter")
    for request_id, url in sorted(dead - given_up):
        yield Finding("dead letters", f"request {request_id}: {url} is a dead letter")
    if evidence.dead_letters.webhooks:
        yield Finding("dead letters", f"{evidence.dead_letters.webhooks} records in webhooks.dlt")
    if evidence.dead_letters.undecodable:
        yield Finding("undecodable", f"{evidence.dead_letters.undecodable} records in undecodable.dlt")


def _end_findings(evidence: Evidence, request_id: str, catalogue: Catalogue) -> Iterator[Finding]:
    """Whether it ended, and whether all who count its images agree with what had to become of them."""
    status = evidence.statuses.get(request_id)
    if status is None or status["progress"]["percent"] != WHOLE:
        yield Finding("hanging", f"request {request_id} has not ended: {status and status['progress']}")
        return
    expected = expected_counts(catalogue)
    state = "completed" if expected.succeeded else "failed"
    if status["state"] != state:
        yield Finding("counts", f"request {request_id} is {status['state']} instead of {state}")
    for who, counts in _counts(evidence, request_id):
        if counts != expected:
            yield Finding("counts", f"request {request_id}: {who} has {counts} instead of {expected}")
    for who, failures in _failures(evidence, request_id):
        if failures != dict(catalogue.failures):
            words = f"{who} has failures {failures} instead of {dict(catalogue.failures)}"
            yield Finding("counts", f"request {request_id}: {words}")
    deliveries = list(evidence.deliveries.get(request_id, ()))
    if deliveries != ["delivered"]:
        yield Finding("counts", f"request {request_id} has deliveries {deliveries} in Postgres")


def _counts(evidence: Evidence, request_id: str) -> Iterator[tuple[str, Counts | None]]:
    progress = evidence.statuses[request_id]["progress"]
    yield "the status", _named(progress, "images_total")
    yield "Postgres", evidence.recorded.get(request_id)
    for completion in _completions(evidence, request_id):
        yield "the completion", _named(completion["images"], "total")


def _failures(evidence: Evidence, request_id: str) -> Iterator[tuple[str, dict[str, int]]]:
    yield "the status", dict(evidence.statuses[request_id]["failures"]["by_code"])
    for completion in _completions(evidence, request_id):
        yield "the completion", dict(completion["failures_by_code"])


def _completions(evidence: Evidence, request_id: str) -> Iterator[Mapping[str, Any]]:
    return (completion for completion in evidence.completions if completion["request_id"] == request_id)


def _named(counts: Mapping[str, Any], total: str) -> Counts:
    return Counts(counts[total], counts["succeeded"], counts["failed"], counts["not_attempted"])


def _output_findings(evidence: Evidence, request_id: str, catalogue: Catalogue) -> Iterator[Finding]:
    text = evidence.outputs.get(request_id)
    if text is None:
        yield Finding("rows", f"request {request_id} has no output.csv")
        return
    output = Output(request_id, catalogue, text, evidence.aggregator_url)
    yield from output.findings()
    if output.counts() != expected_counts(catalogue):
        yield Finding("counts", f"output.csv of {request_id} has {output.counts()}")
    for key, shape in output.keys().items():
        found = evidence.pictures.get(key, Unreadable("nobody looked"))
        if found != shape:
            yield Finding("pictures", f"object {key} is {found} instead of {shape}")
