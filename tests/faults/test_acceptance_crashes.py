"""Rule 3: ingest dies between any two steps of an acceptance. There is one request or none, and nothing lies about."""

from contextlib import suppress
from uuid import uuid4

import pytest

from shared.ids import RequestId
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_DELETED
from tests.faults.ingest import BUCKET, IMAGES_BUCKET, delete, later_submission, sweep
from tests.faults.life import Killed, Life
from tests.faults.standing import completions, standing
from tests.faults.world import World
from tests.unit.ingest.fakes import images_of

pytestmark = pytest.mark.stack

CSV = images_of(5)
# Up to and with the commit; after it the request exists.
COMMIT = "accept"


async def steps_of_an_acceptance(world: World) -> list[str]:
    life = Life()
    await world.submit(CSV, key=str(uuid4()), life=life)
    return life.steps


def requests_in(world: World) -> set[str]:
    return {key.split("/")[0] for _, key in world.objects.objects}


async def test_an_acceptance_has_the_steps_that_the_design_names(world: World) -> None:
    steps = await steps_of_an_acceptance(world)
    assert steps[0] == "begin"
    assert steps[-3:] == [COMMIT, "publish", "mark_announced"]
    assert sorted(steps[1:-3]) == ["put", "put", "put", "put", "writing"]


async def test_after_any_death_the_same_upload_under_its_key_is_one_request_and_nothing_else_is_left(
    world: World,
) -> None:
    usual = await world.submit(CSV, key=str(uuid4()))
    steps = await steps_of_an_acceptance(world)
    await world.settle()
    expected = await standing(world, usual.request_id)
    kept = requests_in(world)
    for number, step in enumerate(steps):
        key = str(uuid4())
        with suppress(Killed):
            await world.submit(CSV, key=key, life=Life(ends_after=number + 1))
        request = await later_submission(world, CSV, key=key)
        await sweep(world)
        await world.settle()
        assert requests_in(world) - kept == {request.request_id}, step
        assert await standing(world, request.request_id) == expected, step
        assert len(completions(world, request.request_id)) == 1, step
        kept = requests_in(world)


async def test_a_death_before_the_commit_accepts_nothing_and_after_it_all(world: World) -> None:
    steps = await steps_of_an_acceptance(world)
    await world.settle()
    for number, step in enumerate(steps):
        before = world.sizes()[REQUESTS_ACCEPTED.name]
        kept = requests_in(world)
        with suppress(Killed):
            await world.submit(CSV, life=Life(ends_after=number + 1))
        await sweep(world)
        is_accepted = number >= steps.index(COMMIT)
        new = requests_in(world) - kept
        assert len(new) == int(is_accepted), step
        said = world.sizes()[REQUESTS_ACCEPTED.name] - before
        assert (said >= 1) is is_accepted, step
        await world.settle()
        for request_id in new:
            assert len(completions(world, RequestId(request_id))) == 1, step


async def test_a_sweeper_that_dies_after_any_step_leaves_nothing_undone(world: World) -> None:
    unannounced = Life(ends_after=(await steps_of_an_acceptance(world)).index(COMMIT) + 1)
    await world.settle()
    kept = requests_in(world)
    with suppress(Killed):
        await world.submit(CSV, life=unannounced)
    with suppress(Killed):
        await world.submit(CSV, life=Life(ends_after=3))
    deaths = 0
    while deaths < 20:
        try:
            await sweep(world, Life(ends_after=1 + deaths))
        except Killed:
            deaths += 1
        else:
            break
    assert 2 <= deaths < 20
    (request_id,) = requests_in(world) - kept
    await world.settle()
    assert len(completions(world, RequestId(request_id))) == 1


async def test_a_deletion_that_dies_after_any_step_is_finished_by_the_sweeper(world: World) -> None:
    for ends_after in range(1, 6):
        request = await world.submit(CSV)
        await world.settle()
        await world.objects.put(
            IMAGES_BUCKET, f"{request.request_id}/0/compressed.jpg", b"x", content_type="image/jpeg"
        )
        said = world.sizes()[REQUESTS_DELETED.name]
        with suppress(Killed):
            await delete(world, request, life=Life(ends_after=ends_after))
        await sweep(world)
        await world.settle()
        gone = await standing(world, request.request_id)
        assert not any(gone[part] for part in ("request", "results", "images", "chunks", "released", "accepted"))
        assert request.request_id not in requests_in(world)
        assert world.sizes()[REQUESTS_DELETED.name] > said
    assert (BUCKET, f"{request.request_id}/request.json") not in world.objects.objects
