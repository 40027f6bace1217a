"""Records that were in the hands of a processor when it died run alone before they are blamed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from services.processor.another_try import AnotherTry
from services.processor.careful import Careful
from services.processor.company import Company
from shared.errors import DependencyAway
from shared.events import ImageRequested
from shared.kafka.gathering import Gathering
from shared.kafka.records import Received, Rest, Trigger
from tests.unit.processor.fakes import FakeFacts, FakeTiers, requested
from tests.waiting import until

FIRST, SECOND, THIRD = requested(offset=1), requested(offset=2), requested(offset=3)


@dataclass
class FakeLedger:
    """Suspects by their record, and what was noted."""

    suspects: dict[Trigger, int] = field(default_factory=dict)
    noted: dict[Trigger, int] = field(default_factory=dict)

    def deaths_of(self, trigger: Trigger) -> int | None:
        return self.suspects.get(trigger)

    @contextmanager
    def working_on(self, trigger: Trigger, *, deaths_if_last: int = 0) -> Iterator[None]:
        self.noted[trigger] = deaths_if_last
        is_over = True
        try:
            yield
        except Exception as error:
            is_over = isinstance(error, DependencyAway)
            raise
        finally:
            if is_over:
                del self.noted[trigger]

    def clear(self, trigger: Trigger) -> None:
        self.suspects.pop(trigger, None)


@dataclass
class Workbench:
    """A handler that works on a record until it is told that it is done."""

    suspects: dict[Trigger, int] = field(default_factory=dict)
    at_work: dict[Trigger, asyncio.Event] = field(default_factory=dict)
    failure: Exception | None = None
    tell_failure: BaseException | None = None
    noted_while_told: list[dict[Trigger, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gathering = Gathering(seconds=60)
        self.ledger, self.tiers, self.facts = FakeLedger(self.suspects), FakeTiers(), FakeFacts()
        giving_up = AnotherTry(self.tiers, self.facts, patience=timedelta(hours=1), now=lambda: datetime.now(UTC))
        self.careful = Careful(self._handle, self.ledger, giving_up, Company(self.gathering.idle))

    async def _handle(self, received: Received[ImageRequested]) -> Rest:
        if self.failure is not None:
            raise self.failure
        self.at_work[received.trigger] = asyncio.Event()
        await self.at_work[received.trigger].wait()
        del self.at_work[received.trigger]
        return self._tell

    async def _tell(self) -> None:
        if self.tell_failure is not None:
            raise self.tell_failure
        await self.gathering.moment()
        self.noted_while_told.append(dict(self.ledger.noted))

    def gets(self, received: Received[ImageRequested]) -> asyncio.Task[Rest | None]:
        task = asyncio.create_task(self.careful(received))
        self.gathering.begin(task)
        task.add_done_callback(self.gathering.end)
        return task

    async def works_on(self, *records: Received[ImageRequested]) -> None:
        triggers = {received.trigger for received in records}
        await until(lambda: self.at_work.keys() == triggers)

    async def through(self, received: Received[ImageRequested]) -> Rest:
        """Have a record that is no suspect worked on to its end."""
        task = self.gets(received)
        await self.works_on(received)
        self.done(received)
        rest = await task
        assert rest is not None
        return rest

    async def gives_up(self, received: Received[ImageRequested]) -> None:
        rest = await self.careful(received)
        assert rest is not None
        await rest()

    def done(self, received: Received[ImageRequested]) -> None:
        self.at_work[received.trigger].set()


async def test_records_are_noted_while_they_are_worked_on_together() -> None:
    bench = Workbench()
    tasks = [bench.gets(FIRST), bench.gets(SECOND)]
    await bench.works_on(FIRST, SECOND)
    assert bench.ledger.noted == {FIRST.trigger: 0, SECOND.trigger: 0}
    bench.done(FIRST)
    bench.done(SECOND)
    await asyncio.gather(*tasks)
    assert bench.ledger.noted == {}


async def test_whoever_only_has_a_result_to_tell_is_in_nobodys_hands() -> None:
    bench = Workbench()
    task = bench.gets(FIRST)
    await bench.works_on(FIRST)
    bench.done(FIRST)
    tell = await task
    assert (tell is not None, bench.noted_while_told, bench.ledger.noted) == (True, [], {})


async def test_whoever_has_a_result_whose_telling_is_a_bug_is_noted_for_ever() -> None:
    bench = Workbench(tell_failure=RuntimeError("a bug"))
    tell = await bench.through(FIRST)
    with pytest.raises(RuntimeError, match="a bug"):
        await tell()
    assert bench.ledger.noted == {FIRST.trigger: 0}


@pytest.mark.parametrize("reason", [DependencyAway("kafka", "no answer"), asyncio.CancelledError()])
async def test_whoever_cannot_tell_its_result_yet_is_not_noted(reason: BaseException) -> None:
    bench = Workbench(tell_failure=reason)
    tell = await bench.through(FIRST)
    with pytest.raises(type(reason)):
        await tell()
    assert bench.ledger.noted == {}
    bench.tell_failure = None
    await tell()
    assert bench.noted_while_told == [{}]


async def test_a_suspect_is_alone_until_its_result_is_told() -> None:
    bench = Workbench({FIRST.trigger: 0})
    task = bench.gets(FIRST)
    await bench.works_on(FIRST)
    bench.done(FIRST)
    assert await task is None
    assert bench.noted_while_told == [{FIRST.trigger: 1}]


async def test_the_result_of_a_suspect_waits_for_nobody_whom_it_keeps_waiting() -> None:
    bench = Workbench({FIRST.trigger: 0, SECOND.trigger: 0})
    tasks = [bench.gets(received) for received in (FIRST, SECOND, THIRD)]
    for received in (FIRST, SECOND, THIRD):
        await bench.works_on(received)
        bench.done(received)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert bench.suspects == {}


async def test_a_suspect_runs_alone_and_is_cleared_when_it_ends() -> None:
    bench = Workbench({FIRST.trigger: 1})
    tasks = [bench.gets(FIRST), bench.gets(SECOND)]
    await bench.works_on(FIRST)
    assert bench.ledger.noted == {FIRST.trigger: 2}
    bench.done(FIRST)
    await bench.works_on(SECOND)
    assert bench.suspects == {}
    bench.done(SECOND)
    await asyncio.gather(*tasks)


async def test_a_suspect_that_waits_for_a_part_stays_one() -> None:
    bench = Workbench({FIRST.trigger: 0}, failure=DependencyAway("s3", "no answer"))
    with pytest.raises(DependencyAway):
        await bench.careful(FIRST)
    assert bench.suspects == {FIRST.trigger: 0}
    bench.failure = None
    task = bench.gets(FIRST)
    await bench.works_on(FIRST)
    bench.done(FIRST)
    await task
    assert bench.suspects == {}


async def test_a_suspect_whose_result_cannot_be_told_yet_is_not_worked_on_again() -> None:
    bench = Workbench({FIRST.trigger: 0}, tell_failure=DependencyAway("kafka", "no answer"))
    task = bench.gets(FIRST)
    await bench.works_on(FIRST)
    bench.done(FIRST)
    with pytest.raises(DependencyAway):
        await task
    with pytest.raises(DependencyAway):
        await asyncio.wait_for(bench.careful(FIRST), 5)
    assert (bench.suspects, bench.ledger.noted) == ({FIRST.trigger: 0}, {})
    bench.tell_failure = None
    await asyncio.wait_for(bench.careful(FIRST), 5)
    assert (bench.suspects, bench.noted_while_told) == ({}, [{FIRST.trigger: 1}])
    again = bench.gets(FIRST)
    await bench.works_on(FIRST)
    bench.done(FIRST)
    await again


@pytest.mark.checklist("P21")
async def test_after_three_deaths_alone_it_is_given_up_without_another_try() -> None:
    bench = Workbench({FIRST.trigger: 3}, failure=AssertionError("it was tried"))
    await bench.gives_up(FIRST)
    assert [(step, code) for step, code, _ in bench.tiers.steps] == [("give up", "internal_error")]
    ((_, result),) = bench.facts.published
    assert result.outcome == "failed"
    assert result.error is not None
    assert result.error.code == "internal_error"


async def test_one_that_was_given_up_and_comes_again_is_given_up_again() -> None:
    bench = Workbench({FIRST.trigger: 3}, failure=AssertionError("it was tried"))
    await bench.gives_up(FIRST)
    await bench.gives_up(FIRST)
    assert bench.suspects == {FIRST.trigger: 3}
    assert [step for step, *_ in bench.tiers.steps] == ["give up", "give up"]


async def test_after_two_deaths_it_has_one_more_chance() -> None:
    bench = Workbench({FIRST.trigger: 2})
    task = bench.gets(FIRST)
    await bench.works_on(FIRST)
    assert bench.ledger.noted == {FIRST.trigger: 3}
    bench.done(FIRST)
    await task
    assert bench.tiers.steps == []
