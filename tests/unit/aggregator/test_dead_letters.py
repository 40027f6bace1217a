"""How records become letters, and letters are replayed."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from services.aggregator.dead_letter_records import letter_of
from services.aggregator.dead_letter_replays import replays, topics_to_return_to
from services.aggregator.dead_letter_retention import DeadLetterRetention
from services.aggregator.domain.dead_letter import (
    DeadLetter,
    DeadLetterKind,
    LetterId,
    NotALetterId,
    Origin,
    letter_id,
    steps_of,
)
from services.aggregator.domain.dead_letter_list import NotACursor, Wanted, cursor_after, place_of_cursor
from services.aggregator.domain.dead_letter_replay import ReplayOrder
from services.aggregator.on_dead_letter import OnDeadLetter
from services.aggregator.replay_dead_letters import LetterRequest, ReplayDeadLetters, ReplayRunning
from shared.errors import DependencyAway
from shared.events import RetryRequested
from shared.ids import LOCAL_OWNER
from shared.kafka.cloudevents import Encoded
from shared.kafka.dead_letters import undecodable_letter as encoded_letter
from shared.kafka.records import Record
from shared.topics import IMAGES_DLT
from tests.unit.aggregator.dead_letter_fakes import (
    DELIVERY,
    MARKS,
    OTHER_REQUEST,
    TOPICS,
    FakeLetters,
    FakeRecords,
    delivery_letter,
    image_letter,
    letter_record,
    undecodable_letter,
)
from tests.unit.aggregator.fakes import NOON, REQUEST, noon

CODE = Wanted(code="timeout")


class Stage:
    """Letters, where replays go, and the pauses between them."""

    def __init__(self, *letters: DeadLetter) -> None:
        self.letters, self.records = FakeLetters(*letters), FakeRecords()
        self.pauses: list[float] = []
        ways = replays(self.records, topics_to_return_to(lambda topic: topic.name), source="pixelmill/test", now=noon)
        self.replay = ReplayDeadLetters(self.letters, ways, now=noon, pause=self._pause)

    async def outcomes(self, order: ReplayOrder) -> list[str]:
        return [letter.outcome for letter in (await self.replay(order)).letters]

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def counted(kind: str, code: str) -> float:
    return REGISTRY.get_sample_value("pixelmill_dead_letters_total", {"kind": kind, "code": code}) or 0.0


async def test_a_letter_recorded_twice_is_counted_once() -> None:
    letters, before = FakeLetters(), counted("image", "timeout")
    on_dead_letter = OnDeadLetter(letters, {name: kind for kind, name in TOPICS.items()})
    await on_dead_letter(letter_record("image"))
    await on_dead_letter(letter_record("image"))
    assert len(letters.rows) == 1
    assert counted("image", "timeout") == before + 1


async def test_codes_that_strangers_write_do_not_become_labels_without_end() -> None:
    on_dead_letter = OnDeadLetter(FakeLetters(), {name: kind for kind, name in TOPICS.items()})
    before = counted("image", "other")
    for number in range(120):
        await on_dead_letter(letter_record("image", number, headers=(("error-code", f"code_{number}".encode()),)))
    await on_dead_letter(letter_record("image", 200, headers=(("error-code", "böse\n".encode()),)))
    assert counted("image", "other") == before + 21


def test_a_letter_says_why_it_is_one_and_where_it_came_from() -> None:
    letter = image_letter(3)
    assert str(letter.id) == "images.dlt.v1:0:3"
    assert (letter.code, letter.message) == ("timeout", "It took too long.")
    assert letter.origin == Origin("requests.progress.v1", 2, 17)
    assert (letter.request_id, letter.subject) == (REQUEST, REQUEST)
    assert letter.headers == ()


def test_setting_aside_and_reading_a_letter_gives_back_the_headers_as_they_were() -> None:
    headers = (("origin-topic", b"images.requested.bulk.v1"), ("a", b"1"), ("a", b"\xff"), ("error-code", b"x"))
    encoded = encoded_letter(Record("images.retry.1s.v1", 1, 5, b"k", b"v", headers), "no event")
    letter = letter_of(Record("undecodable.dlt.v1", 0, 0, encoded.key, encoded.value, encoded.headers), "undecodable")
    assert letter.headers == headers
    assert letter.origin == Origin("images.retry.1s.v1", 1, 5)


STRANGE: Sequence[dict[str, object]] = [
    {"key": None, "value": None, "headers": ()},
    {"value": b"\xff\xfe", "headers": (("origin-topic", b"\0\xff"), ("error-code", b"\0"), ("none", None))},
    {"value": b"[" * 100_000, "headers": (("origin-topic", b"t"), ("origin-offset", b"9" * 40))},
    {"value": b'{"request_id": 7, "delivery_id": "\\u0000"}', "timestamp_ms": -1, "headers": ()},
    {"value": b"null", "timestamp_ms": 2**62, "headers": (("origin-topic", b"t"), ("origin-partition", b"\xb2"))},
    {"value": b"9" * 10_000, "headers": (("error-message", b"m" * 10_000), ("origin-partition", b"-1"))},
]


@pytest.mark.parametrize("record", STRANGE)
@pytest.mark.parametrize("kind", list(TOPICS))
def test_any_record_makes_a_letter_that_fits_its_row(kind: DeadLetterKind, record: dict[str, object]) -> None:
    letter = letter_of(letter_record(kind, **record), kind)  # type: ignore[arg-type]  # fields of a record
    texts = (letter.code, letter.message, letter.origin.topic if letter.origin else "")
    assert not [text for text in texts if "\0" in text or len(text) > 2000]
    assert letter.code
    assert letter.subject is letter.request_id is None
    assert letter.origin is None or (letter.origin.partition, letter.origin.offset) == (None, None)
    assert 1970 <= letter.at.year < 9999


def test_the_request_of_an_undecodable_record_may_stand_in_its_key() -> None:
    assert undecodable_letter(key=f"{REQUEST}:4".encode(), value=b"\xff").request_id == REQUEST
    assert undecodable_letter(key=b"\xff", value=f'{{"request_id": "{REQUEST}"}}'.encode()).request_id == REQUEST


@pytest.mark.parametrize("text", ["", "t", "t:1", ":1:1", "t:x:1", "t:1:-1", f"t:{2**31}:1", f"t:1:{2**63}", "t:²:1"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(NotALetterId):
        letter_id(text)


def test_ids_and_cursors_come_back_as_they_were() -> None:
    letter = image_letter(7)
    assert letter_id(str(letter.id)) == letter.id
    cursor = cursor_after([letter], 1)
    assert cursor is not None
    assert place_of_cursor(cursor) == (letter.at, letter.id)
    assert cursor_after([letter], 2) is None


@pytest.mark.parametrize("cursor", ["x", "ä", "MTox", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OnQ6MTox"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(NotACursor):
        place_of_cursor(cursor)


def test_letters_of_one_subject_are_one_step() -> None:
    letters = [image_letter(0), delivery_letter(0), image_letter(1), image_letter(2, request_id=OTHER_REQUEST)]
    again = [undecodable_letter(0), undecodable_letter(1)]
    assert [[each.id.offset for each in step.letters] for step in steps_of([*letters, *again])] == [
        [0, 1], [0], [2], [0], [1],
    ]  # fmt: skip


async def test_a_request_is_retried_once_however_many_letters_it_has() -> None:
    stage = Stage(image_letter(0), image_letter(1), image_letter(2))
    first = LetterId("images.dlt.v1", 0, 1)
    assert await stage.outcomes(ReplayOrder(ids=(first,))) == ["replayed"]
    [(topic, event)] = stage.records.sent
    assert topic == "requests.progress.v1"
    assert isinstance(event, RetryRequested)
    assert (event.request_id, event.owner) == (REQUEST, LOCAL_OWNER)
    assert stage.letters.replayed == [0, 1, 2]
    assert await stage.outcomes(ReplayOrder(wanted=CODE)) == []


async def test_replaying_twice_sends_once() -> None:
    stage = Stage(image_letter(0), delivery_letter(0), undecodable_letter(0))
    order = ReplayOrder(ids=tuple(stage.letters.rows))
    assert await stage.outcomes(order) == ["replayed"] * 3
    assert await stage.outcomes(order) == ["already_replayed"] * 3
    assert len(stage.records.sent) == 3
    assert await stage.outcomes(replace(order, again=True)) == ["replayed"] * 3
    assert len(stage.records.sent) == 6


async def test_a_dry_run_says_the_same_and_does_nothing() -> None:
    stage = Stage(image_letter(0), delivery_letter(0), undecodable_letter(0))
    stage.letters.is_replaying = True
    report = await stage.replay(ReplayOrder(wanted=CODE, dry_run=True))
    assert {(letter.kind, letter.action, letter.target) for letter in report.letters} == {
        ("image", "retry_request", REQUEST),
        ("delivery", "deliver_again", DELIVERY),
        ("undecodable", "append_again", "requests.progress.v1"),
    }
    assert {letter.outcome for letter in report.letters} == {"would_replay"}
    assert (stage.records.sent, stage.letters.replayed, stage.pauses) == ([], [], [])


async def test_while_another_call_replays_nothing_is_sent() -> None:
    stage = Stage(image_letter(0))
    stage.letters.is_replaying = True
    with pytest.raises(ReplayRunning):
        await stage.replay(ReplayOrder(wanted=CODE))
    assert stage.records.sent == []


@pytest.mark.parametrize(
    ("request_now", "code"),
    [(LetterRequest(LOCAL_OWNER, has_ended=False), "request_not_ended"), (None, "request_gone")],
)
async def test_an_image_is_refused_while_its_request_runs_and_when_it_is_gone(
    request_now: LetterRequest | None, code: str
) -> None:
    stage = Stage(image_letter(0))
    stage.letters.requests = {} if request_now is None else {REQUEST: request_now}
    [letter] = (await stage.replay(ReplayOrder(wanted=CODE))).letters
    assert (letter.outcome, letter.code) == ("refused", code)
    assert (stage.records.sent, stage.letters.replayed) == ([], [])


async def test_letters_that_say_nothing_are_refused_with_the_reason() -> None:
    nothing = letter_of(letter_record("image", value=b"[]"), "image")
    no_delivery = letter_of(letter_record("delivery", value=b"{}"), "delivery")
    strange = undecodable_letter(headers=(("origin-topic", b"elsewhere"),))
    dead = undecodable_letter(1, headers=(("origin-topic", IMAGES_DLT.name.encode()),))
    stage = Stage(nothing, no_delivery, strange, dead)
    report = await stage.replay(ReplayOrder(ids=[*stage.letters.rows, LetterId("undecodable.dlt.v1", 5, 5)]))
    codes = [letter.code for letter in report.letters]
    assert codes == ["unreadable", "unreadable", "unknown_topic", "unknown_topic", "unknown_letter"]
    assert stage.records.sent == []


async def test_an_undecodable_record_goes_back_as_it_was() -> None:
    headers = (("traceparent", b"00"), ("replayed-from", b"before"), ("empty", None), *MARKS)
    stage = Stage(undecodable_letter(value=b"\xff", key=b"\xfe", headers=headers))
    await stage.replay(ReplayOrder(wanted=CODE))
    replayed_from = ("replayed-from", b"undecodable.dlt.v1/0/0")
    kept = (("traceparent", b"00"), ("empty", None), replayed_from)
    assert stage.records.sent == [("requests.progress.v1", Encoded(b"\xfe", b"\xff", kept))]  # type: ignore[arg-type]  # a header may have no value


async def test_what_is_replayed_is_paced() -> None:
    stage = Stage(*(undecodable_letter(offset) for offset in range(5)))
    await stage.replay(ReplayOrder(wanted=CODE))
    assert stage.pauses == [1 / 50] * 5


async def test_a_call_takes_the_oldest_and_names_where_to_go_on() -> None:
    stage = Stage(*(undecodable_letter(offset) for offset in range(5)))
    report = await stage.replay(ReplayOrder(wanted=CODE, limit=2))
    assert (len(report.letters), report.fitting, stage.letters.replayed) == (2, 5, [0, 1])
    assert report.next_cursor is not None
    more = await stage.replay(ReplayOrder(wanted=CODE, after=place_of_cursor(report.next_cursor)))
    assert ([letter.id.offset for letter in more.letters], more.next_cursor) == ([2, 3, 4], None)


async def test_letters_that_are_refused_do_not_stand_in_the_way_of_those_behind() -> None:
    stage = Stage(*(image_letter(offset, request_id=OTHER_REQUEST) for offset in range(3)), image_letter(3))
    first = await stage.replay(ReplayOrder(wanted=CODE, limit=3))
    assert {letter.outcome for letter in first.letters} == {"refused"}
    assert first.next_cursor is not None
    assert await stage.outcomes(ReplayOrder(wanted=CODE, after=place_of_cursor(first.next_cursor))) == ["replayed"]


async def test_when_a_part_goes_away_the_answer_says_how_far_it_came() -> None:
    stage = Stage(*(undecodable_letter(offset) for offset in range(4)))
    stage.records.away_from = 2
    report = await stage.replay(ReplayOrder(wanted=CODE))
    assert [letter.outcome for letter in report.letters] == ["replayed", "replayed", "failed", "not_reached"]
    assert report.stopped == "kafka is away: no acknowledgement in time"
    assert stage.letters.replayed == [0, 1]


async def test_an_end_between_sending_and_marking_leaves_the_letter_to_be_replayed() -> None:
    class EndsBeforeTheMark(FakeLetters):
        async def mark(self, letters: Sequence[DeadLetter], *, at: object) -> None:
            raise DependencyAway("postgres", "gone")

    stage = Stage(undecodable_letter(0))
    stage.replay = ReplayDeadLetters(
        EndsBeforeTheMark(undecodable_letter(0)),
        replays(stage.records, topics_to_return_to(lambda topic: topic.name), source="pixelmill/test", now=noon),
        now=noon,
    )
    assert await stage.outcomes(ReplayOrder(wanted=CODE)) == ["failed"]
    assert await stage.outcomes(ReplayOrder(wanted=CODE)) == ["failed"]
    assert len(stage.records.sent) == 2


async def test_an_image_that_is_replayed_again_is_the_same_retry_until_it_is_marked() -> None:
    stage = Stage(image_letter(0), image_letter(1))
    order = ReplayOrder(ids=(LetterId("images.dlt.v1", 0, 1),), again=True)
    unmarked = dict(stage.letters.rows)
    await stage.replay(order)
    stage.letters.rows = unmarked
    await stage.replay(order)
    await stage.replay(order)
    names = [event.retry_id for _, event in stage.records.sent if isinstance(event, RetryRequested)]
    assert names[0] == names[1] != names[2]


async def test_letters_that_come_after_the_replay_of_their_request_do_not_retry_it_once_more() -> None:
    stage = Stage(image_letter(0))
    assert await stage.outcomes(ReplayOrder(wanted=CODE)) == ["replayed"]
    late = image_letter(1)
    await stage.letters.insert(late)
    assert await stage.outcomes(ReplayOrder(wanted=CODE)) == []
    assert await stage.outcomes(ReplayOrder(ids=(late.id,))) == ["already_replayed"]
    assert len(stage.records.sent) == 1
    assert await stage.outcomes(ReplayOrder(ids=(late.id,), again=True)) == ["replayed"]
    assert len(stage.records.sent) == 2


async def test_a_delivery_that_is_given_up_once_more_is_replayed_once_more() -> None:
    stage = Stage(delivery_letter(0))
    assert await stage.outcomes(ReplayOrder(wanted=CODE)) == ["replayed"]
    await stage.letters.insert(delivery_letter(1))
    assert await stage.outcomes(ReplayOrder(wanted=CODE)) == ["replayed"]


async def test_a_letter_that_does_not_hold_all_of_its_record_is_not_replayed() -> None:
    record = Record("requests.progress.v1", 1, 5, b"k", b"v" * 3_000_000, (("cut", b"its own"),))
    encoded = encoded_letter(record, "no event")
    letter = letter_of(Record("undecodable.dlt.v1", 0, 0, encoded.key, encoded.value, encoded.headers), "undecodable")
    assert (letter.lacks, letter.headers) == ("value=3000000", (("cut", b"its own"),))
    stage = Stage(letter)
    [refused] = (await stage.replay(ReplayOrder(ids=(letter.id,)))).letters
    assert (refused.outcome, refused.code) == ("refused", "cut")
    assert stage.records.sent == []


def test_a_header_of_the_record_that_is_named_as_a_mark_is_left_to_it() -> None:
    encoded = encoded_letter(Record("requests.progress.v1", 1, 5, b"k", b"v", (("cut", b"its own"),)), "no event")
    letter = letter_of(Record("undecodable.dlt.v1", 0, 0, encoded.key, encoded.value, encoded.headers), "undecodable")
    assert (letter.lacks, letter.headers) == (None, (("cut", b"its own"),))


async def test_letters_are_forgotten_with_their_topic() -> None:
    class Rows:
        def __init__(self) -> None:
            self.removed: dict[str, object] = {}

        async def remove_older(self, kind: DeadLetterKind, than: object) -> None:
            self.removed[kind] = than

    rows = Rows()
    await DeadLetterRetention(rows, now=noon).forget_old()
    assert rows.removed == dict.fromkeys(TOPICS, NOON - IMAGES_DLT.kept)
