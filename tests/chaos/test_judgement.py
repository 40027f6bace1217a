"""The checker finds each kind of wrongness, and nothing where all is right."""

import ast
import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker.evidence import Counts, Evidence, Lag, Unreadable
from tests.chaos.checker.judgement import differences, findings
from tests.chaos.made_up_evidence import REQUESTS, call, completion, picture_url, right_evidence, status
from tests.chaos.source_pictures import Shape

FIRST, SECOND = REQUESTS
CHECKER = Path(__file__).parent / "checker"
SYSTEM = {"shared", "services", "pixelmill", "deploy", "examples", "bench"}


def kinds(evidence: Evidence) -> set[str]:
    return {finding.kind for finding in findings(evidence)}


def with_output(evidence: Evidence, change: Callable[[list[list[str]]], Any]) -> Evidence:
    """The evidence with the first output's records changed."""
    records = list(csv.reader(io.StringIO(evidence.outputs[FIRST], newline="")))
    change(records)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(records)
    return replace(evidence, outputs={**evidence.outputs, FIRST: out.getvalue()})


def place_of(records: list[list[str]], *, succeeded: bool) -> int:
    """A row of one slot that succeeded, or failed."""
    return next(
        place
        for place, record in enumerate(records)
        if place and "," not in record[-1] and (record[-1] == "succeeded") is succeeded
    )


def test_nothing_is_found_where_all_is_right() -> None:
    assert findings(right_evidence()) == []


def test_the_made_up_run_has_failures_of_several_kinds() -> None:
    assert len(right_evidence().accepted[FIRST].failures) >= 3


def test_a_completion_that_is_missing_is_lost() -> None:
    evidence = right_evidence()
    assert kinds(replace(evidence, completions=evidence.completions[1:])) == {"lost"}


def test_a_second_completion_is_doubled() -> None:
    evidence = right_evidence()
    assert kinds(replace(evidence, completions=[*evidence.completions, evidence.completions[0]])) == {"doubled"}


def test_a_completion_of_a_request_that_nobody_submitted_is_found() -> None:
    evidence = right_evidence()
    stranger = completion("6f0d7f0a-0000-4000-8000-00000000000f", evidence.accepted[SECOND])
    assert kinds(replace(evidence, completions=[*evidence.completions, stranger])) == {"unknown"}


def test_a_submission_without_an_answer_is_found() -> None:
    assert kinds(replace(right_evidence(), unanswered=[3])) == {"unanswered"}


@pytest.mark.parametrize("percent", [None, 99.9])
def test_a_request_that_has_not_ended_hangs(percent: float | None) -> None:
    evidence = right_evidence()
    statuses = {SECOND: evidence.statuses[SECOND]}
    if percent is not None:
        statuses[FIRST] = {**evidence.statuses[FIRST], "progress": {"percent": percent}}
    assert kinds(replace(evidence, statuses=statuses)) == {"hanging"}


def test_a_request_in_the_wrong_state_is_found() -> None:
    evidence = right_evidence()
    wrong = {**evidence.statuses[FIRST], "state": "expired"}
    assert kinds(replace(evidence, statuses={**evidence.statuses, FIRST: wrong})) == {"counts"}


@pytest.mark.parametrize("told_by", ["statuses", "recorded", "deliveries"])
def test_counts_that_disagree_are_found(told_by: str) -> None:
    evidence = right_evidence()
    other: dict[str, Any] = {
        "statuses": {**evidence.statuses, FIRST: status(evidence.accepted[SECOND])},
        "recorded": {**evidence.recorded, FIRST: Counts(120, 119, 0, 1)},
        "deliveries": {**evidence.deliveries, FIRST: ["delivered", "pending"]},
    }
    assert kinds(replace(evidence, **{told_by: other[told_by]})) == {"counts"}


def test_a_completion_with_other_counts_is_found() -> None:
    evidence = right_evidence()
    wrong = completion(FIRST, evidence.accepted[SECOND])
    evidence = replace(evidence, completions=[wrong, evidence.completions[1]], calls=[call(wrong), evidence.calls[1]])
    assert kinds(evidence) == {"counts"}


def test_a_missing_output_is_found() -> None:
    evidence = right_evidence()
    assert kinds(replace(evidence, outputs={SECOND: evidence.outputs[SECOND]})) == {"rows"}


def test_a_missing_row_is_found() -> None:
    assert "rows" in kinds(with_output(right_evidence(), lambda records: records.pop()))


def test_a_doubled_row_is_found() -> None:
    assert "rows" in kinds(with_output(right_evidence(), lambda records: records.append(records[-1])))


def test_rows_out_of_order_are_found() -> None:
    def swap(records: list[list[str]]) -> None:
        records[4], records[5] = records[5], records[4]

    assert "rows" in kinds(with_output(right_evidence(), swap))


def test_a_missing_column_is_found() -> None:
    assert "rows" in kinds(with_output(right_evidence(), lambda records: records[0].pop()))


@pytest.mark.parametrize("wrong", ["", "not_attempted", "http_500"])
def test_a_slot_with_another_outcome_is_found(wrong: str) -> None:
    def change(records: list[list[str]]) -> None:
        records[place_of(records, succeeded=True)][-1] = wrong

    assert "outcomes" in kinds(with_output(right_evidence(), change))


def test_a_slot_without_an_outcome_is_found() -> None:
    def change(records: list[list[str]]) -> None:
        record = next(record for record in records if "succeeded,succeeded" in record[-1])
        record[-1] = record[-1].removesuffix(",succeeded")

    assert "slots" in kinds(with_output(right_evidence(), change))


def test_a_slot_that_succeeded_and_has_no_url_of_ours_is_found() -> None:
    def change(records: list[list[str]]) -> None:
        record = records[place_of(records, succeeded=True)]
        record[-2] = record[3]

    assert "slots" in kinds(with_output(right_evidence(), change))


def test_a_url_of_another_request_is_found() -> None:
    evidence = right_evidence()
    slot = next(slot for slot in evidence.accepted[SECOND].slots if slot.succeeds)

    def change(records: list[list[str]]) -> None:
        records[place_of(records, succeeded=True)][-2] = picture_url(SECOND, 0, slot)

    assert "slots" in kinds(with_output(evidence, change))


def test_a_failed_slot_that_lost_its_url_is_found() -> None:
    def change(records: list[list[str]]) -> None:
        records[place_of(records, succeeded=False)][-2] = ""

    assert "slots" in kinds(with_output(right_evidence(), change))


@pytest.mark.parametrize("lies", [Unreadable("NoSuchKey"), Unreadable("truncated"), Shape(1, 1, "jpeg"), None])
def test_an_object_that_is_missing_or_another_picture_is_found(lies: Shape | Unreadable | None) -> None:
    evidence = right_evidence()
    first = next(iter(evidence.pictures))
    pictures = {key: shape for key, shape in evidence.pictures.items() if key != first}
    if lies is not None:
        pictures[first] = lies
    assert kinds(replace(evidence, pictures=pictures)) == {"pictures"}


def test_records_that_a_group_has_not_committed_are_found() -> None:
    lag = Lag("pixelmill.processor.images", "images.requested.bulk.v1", 0, 1)
    assert kinds(replace(right_evidence(), lags=[lag])) == {"lag"}


def dead(evidence: Evidence, **changes: Any) -> Evidence:
    return replace(evidence, dead_letters=replace(evidence.dead_letters, **changes))


def test_an_undecodable_record_is_found() -> None:
    assert kinds(dead(right_evidence(), undecodable=1)) == {"undecodable"}


def test_a_webhook_that_was_given_up_is_found() -> None:
    assert kinds(dead(right_evidence(), webhooks=1)) == {"dead letters"}


def test_an_image_that_was_given_up_and_is_no_dead_letter_is_found() -> None:
    assert right_evidence().dead_letters.images
    assert kinds(dead(right_evidence(), images=right_evidence().dead_letters.images[1:])) == {"dead letters"}


def test_a_dead_letter_of_an_image_that_was_not_given_up_is_found() -> None:
    evidence = right_evidence()
    slot = next(slot for slot in evidence.accepted[FIRST].slots if not slot.is_given_up)
    images = [*evidence.dead_letters.images, (FIRST, slot.url)]
    assert kinds(dead(evidence, images=images)) == {"dead letters"}


def test_a_dead_letter_may_stand_there_twice() -> None:
    evidence = right_evidence()
    assert findings(dead(evidence, images=[*evidence.dead_letters.images, *evidence.dead_letters.images])) == []


def test_runs_of_the_same_input_differ_in_ids_and_signatures_only() -> None:
    others = ("0a0d7f0a-0000-4000-8000-000000000001", "0a0d7f0a-0000-4000-8000-000000000002")
    reference = right_evidence(others)
    resigned = {name: text.replace("Zm9v", "YmFy") for name, text in reference.outputs.items()}
    assert differences(right_evidence(), replace(reference, outputs=resigned)) == []


def test_an_output_other_than_that_of_the_reference_is_found() -> None:
    evidence = right_evidence()
    changed = with_output(evidence, lambda records: records[3].__setitem__(0, "4 "))
    assert [finding.kind for finding in differences(evidence, changed)] == ["differences"]


def test_a_request_that_the_reference_has_not_is_found() -> None:
    assert [finding.kind for finding in differences(right_evidence(), right_evidence(REQUESTS[:1]))] == ["differences"]


@pytest.mark.parametrize("path", sorted(CHECKER.glob("*.py")), ids=lambda path: path.name)
def test_the_checker_imports_nothing_of_the_system(path: Path) -> None:
    imported = {
        module.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & SYSTEM
