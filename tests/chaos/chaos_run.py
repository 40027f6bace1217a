"""One run: a stack of its own, catalogues that are submitted, chaos if wanted, rest, and what is left behind."""

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from deploy.embedded.home import Home
from deploy.embedded.services import Scale
from deploy.embedded.stack_control import SUPERVISOR
from tests.chaos.arguments import Chosen
from tests.chaos.catalogues import Assortment
from tests.chaos.checker.evidence import Call, Evidence
from tests.chaos.checker.gathering import Ended, gathered
from tests.chaos.kill_plan import KillPlan
from tests.chaos.killer import Killer, Pace
from tests.chaos.own_exits import own_exits
from tests.chaos.rescaling import Rescaling
from tests.chaos.source_behaviour import kinds_that_settle
from tests.chaos.source_server import hosts, running_source
from tests.chaos.submitting import Submission, Submitter, wait_for
from tests.chaos.webhook_receiver import WebhookReceiver, receiving
from tests.e2e.system import System

STEP_SECONDS: Final = 0.2
SAID_EVERY_SECONDS: Final = 20.0
SESSION_SECONDS: Final = 10
CALLED_OFF_AFTER: Final = 3.0
"""Times the wanted duration."""
SETTINGS: Final = {
    "CHUNK_SIZE": "50",
    "WINDOW_CHUNKS": "12",
    "KAFKA_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
    "FETCH_PER_HOST": "32",
    # Shorter than a source that stalls, longer than a pause.
    "FETCH_TIMEOUT_SECONDS": "20",
    # A codec process that is paused is not late.
    "CODEC_TIMEOUT_SECONDS": "60",
    # An Idempotency-Key is free again soon after the submission that held it was cut off.
    "UPLOAD_TIMEOUT_SECONDS": "20",
}


@dataclass(frozen=True)
class Outcome:
    """What one run brought."""

    evidence: Evidence
    kills: Mapping[tuple[str, str], int]
    chaos_seconds: float
    seconds: float
    repeats: Mapping[str, int]
    other_answers: Sequence[str]
    own_exits: Mapping[str, int]

    @property
    def images(self) -> int:
        return sum(catalogue.images for catalogue in self.evidence.accepted.values())

    def done(self, deed: str) -> int:
        """How often a deed was done."""
        return sum(count for (each, _), count in self.kills.items() if each == deed)


@dataclass(frozen=True)
class Scene:
    """Where a run takes place."""

    system: System
    home: Home
    receiver: WebhookReceiver
    source_port: int


def run(chosen: Chosen, scene: Scene, *, log: Path, catalogues: int | None = None) -> Outcome:
    """Submit, disturb, wait, and collect. With a number of catalogues: just those, undisturbed."""
    started = time.monotonic()
    assortment, submission = _assortment(chosen, scene), _submission(scene)
    submitter = Submitter(assortment, submission, outstanding=chosen.outstanding, most=catalogues)
    counts: Counter[tuple[str, str]] = Counter()
    try:
        if catalogues is None:
            counts = _chaos(chosen, scene, submitter, log)
        else:
            submitter.submit_all()
        chaos_seconds = time.monotonic() - started
        _say(f"{chaos_seconds:.0f} s: quiet from now on", submitter)
        wait_for(submitter, seconds=chosen.settle_minutes * 60)
    finally:
        submitter.close()
    return Outcome(
        evidence=gathered(_ended(chosen, scene, submitter)),
        kills=counts,
        chaos_seconds=chaos_seconds,
        seconds=time.monotonic() - started,
        repeats=dict(submitter.repeats),
        other_answers=submitter.other_answers,
        own_exits=own_exits(scene.home.log_of(SUPERVISOR).read_text("utf-8")),
    )


def _chaos(chosen: Chosen, scene: Scene, submitter: Submitter, log: Path) -> Counter[tuple[str, str]]:
    plan = KillPlan(Random(chosen.seed), SESSION_SECONDS, chosen.spare)
    rescaling = Rescaling(Random(chosen.seed), Scale(chosen.processors, chosen.aggregators))
    killer = Killer(scene.home, plan, Pace(chosen.kills, chosen.minutes * 60), rescaling=rescaling, log=log)
    started = time.monotonic()
    killer.start()
    said = started
    try:
        while not _has_enough(chosen, killer, submitter, time.monotonic() - started) and killer.trouble is None:
            submitter.raise_trouble()
            if time.monotonic() - said >= SAID_EVERY_SECONDS:
                said = time.monotonic()
                _say(f"{said - started:.0f} s: {killer.kills} kills", submitter)
            time.sleep(STEP_SECONDS)
    finally:
        submitter.enough()
        killer.stop()
    return killer.counts


def _say(what: str, submitter: Submitter) -> None:
    """One line for whoever watches."""
    print(f"{what}, {submitter.images} images, {submitter.open} requests open", file=sys.stderr, flush=True)


def _has_enough(chosen: Chosen, killer: Killer, submitter: Submitter, elapsed: float) -> bool:
    least = chosen.minutes * 60
    is_done = elapsed >= least and killer.kills >= chosen.kills and submitter.images >= chosen.images
    return is_done or elapsed >= CALLED_OFF_AFTER * least


def _assortment(chosen: Chosen, scene: Scene) -> Assortment:
    kinds = tuple(kinds_that_settle(with_retries=chosen.retries))
    return Assortment(chosen.seed, hosts(scene.source_port), kinds, chosen.largest)


def _submission(scene: Scene) -> Submission:
    addresses = scene.system.addresses
    return Submission(
        addresses["INGEST_PUBLIC_URL"], addresses["AGGREGATOR_PUBLIC_URL"], scene.receiver.url, scene.home.path.name
    )


def _ended(chosen: Chosen, scene: Scene, submitter: Submitter) -> Ended:
    return Ended(
        settings=scene.system.addresses,
        accepted=submitter.accepted,
        unanswered=sorted(submitter.unanswered),
        calls=lambda: [Call(call.headers, call.body, call.status) for call in scene.receiver.calls],
        settle_seconds=chosen.settle_minutes * 60,
    )


@contextmanager
def scene(chosen: Chosen, results: Path, *, name: str, source_port: int = 0) -> Iterator[Scene]:
    """A stack that runs while the block does, in a home that is gone afterwards, with a source and a receiver."""
    home = Home(Path(tempfile.mkdtemp(prefix=f"pixelmill-{name}-")))
    system = System(home.path, SETTINGS)
    with ExitStack() as stack:
        stack.callback(_leave, home, results / f"{name}-logs", keep=chosen.keep)
        port = stack.enter_context(running_source(source_port))
        receiver = stack.enter_context(receiving(results / f"{name}-webhooks.jsonl", fails_first=chosen.retries))
        stack.callback(system.down)
        system.up("--processors", str(chosen.processors), "--aggregators", str(chosen.aggregators))
        yield Scene(system, home, receiver, port)


def _leave(home: Home, logs: Path, *, keep: bool) -> None:
    """Keep the logs of the services, and of a home nothing else unless it is wanted."""
    if home.logs.exists():
        shutil.copytree(home.logs, logs, dirs_exist_ok=True)
    if not keep:
        shutil.rmtree(home.path)
