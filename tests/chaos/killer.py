"""The killer: a thread that harms one process after the other, writes down what it did, and leaves none paused."""

import json
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from deploy.embedded.home import Home
from deploy.embedded.process_identity import ProcessIdentity
from tests.chaos.kill_plan import Act, KillPlan
from tests.chaos.rescaling import Rescaling, apply
from tests.chaos.victims import crowd

STEP_SECONDS: Final = 0.2
CALMER: Final = 3.0
HASTIEST: Final = 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """So many kills in so many seconds, evenly but for chance. When kills fall behind, the pauses get shorter.

    Not much shorter: when all is dead all the time, nothing happens that could go wrong. When there were enough kills
    and images are still to come, pauses get longer.
    """

    kills: int
    seconds: float

    def pause(self, random: Random, *, done: int, elapsed: float) -> float:
        """Seconds until the next act."""
        mean = self.seconds / max(1, self.kills) * (1 if done < self.kills else CALMER)
        late = elapsed / self.seconds * self.kills - done
        return random.uniform(0.3, 1.7) * mean / min(1.0 + max(0.0, late), HASTIEST)


class Killer:
    """Works between `start` and `stop`. `counts` has what was done, by deed and name of the victim."""

    def __init__(self, home: Home, plan: KillPlan, pace: Pace, *, rescaling: Rescaling, log: Path) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.trouble: BaseException | None = None
        self._home = home
        self._plan = plan
        self._pace = pace
        self._rescaling = rescaling
        self._log = log
        self._paused: dict[tuple[ProcessIdentity, ...], float] = {}
        self._stopping = threading.Event()
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._guarded, name="killer")

    @property
    def kills(self) -> int:
        """How often a process was killed with SIGKILL."""
        return sum(count for (deed, _), count in self.counts.items() if deed == "kill")

    def start(self) -> None:
        self._started = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Return when nothing is paused any more. Raises what stopped the killer before."""
        self._stopping.set()
        self._thread.join()
        if self.trouble is not None:
            raise self.trouble

    def _guarded(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.trouble = error
        finally:
            self._resume(float("inf"))

    def _work(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(STEP_SECONDS):
            now = time.monotonic()
            self._resume(now)
            self._rescale(now)
            if now < due:
                continue
            act = self._plan.next_act(crowd(self._home), now)
            if act is not None:
                self._do(act, now)
                due = now + self._pace.pause(self._plan.random, done=self.kills, elapsed=now - self._started)

    def _do(self, act: Act, now: float) -> None:
        if act.deed == "kill":
            done = act.victim.process.send(signal.SIGKILL)
        elif act.deed == "restart":
            done = act.victim.process.send(act.victim.stop_signal)
        else:
            done = self._pause(act, now)
        if done:
            self.counts[act.deed, act.victim.name] += 1
            more = {"paused_seconds": round(act.seconds, 1), "whole": act.whole} if act.seconds else {}
            victim = act.victim
            self._write(act.deed, victim.name, pid=victim.process.pid, was_ready=victim.is_ready, **more)

    def _pause(self, act: Act, now: float) -> bool:
        processes = tuple(act.victim.family) if act.whole else (act.victim.process,)
        stopped = tuple(process for process in processes if process.send(signal.SIGSTOP))
        if stopped:
            self._paused[stopped] = now + act.seconds
        return bool(stopped)

    def _resume(self, now: float) -> None:
        for processes in [processes for processes, until in self._paused.items() if until <= now]:
            for process in processes:
                process.send(signal.SIGCONT)
            del self._paused[processes]

    def _rescale(self, now: float) -> None:
        scale = self._rescaling.next_scale(now)
        if scale is not None:
            told = apply(self._home, scale)
            self.counts["rescale", "stack"] += 1
            self._write("rescale", "stack", to=told)

    def _write(self, deed: str, victim: str, **more: object) -> None:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(time.monotonic() - self._started, 1),
            "deed": deed,
            "victim": victim,
        }
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line | more) + "\n")
