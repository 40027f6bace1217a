"""Whom the killer may meet: every process of a stack, and the codec processes below the processors."""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.embedded.home import Home
from deploy.embedded.process_identity import ProcessIdentity, members_of_session
from deploy.embedded.stack_state import ProcessState, read_state

PARTS: Final = frozenset({"kafka", "postgres", "s3"})
CODEC: Final = "codec"
_CODEC_MODULE: Final = b"\0services.processor.codec\0"


@dataclass(frozen=True, slots=True)
class Victim:
    """A process that runs now. Codec processes share one name, so that none of them is met too often."""

    name: str
    process: ProcessIdentity
    is_ready: bool = True

    @property
    def family(self) -> Sequence[ProcessIdentity]:
        """The process and all that it started."""
        return [self.process, *(member for member in members_of_session(self.process) if member != self.process)]

    @property
    def stop_signal(self) -> signal.Signals:
        """What ends it in order. Postgres would wait for its clients at SIGTERM."""
        return signal.SIGINT if self.name == "postgres" else signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Crowd:
    """All that run now, and how many that should run are not ready."""

    victims: Sequence[Victim]
    unready: int


def crowd(home: Home) -> Crowd:
    """Who is there now."""
    state = read_state(home)
    found = [
        Victim(process.name, process.identity, process.condition == "ready")
        for process in state.processes
        if _runs(process) and process.identity is not None
    ]
    codecs = [codec for victim in found if victim.name.startswith("processor-") for codec in _codecs(victim)]
    return Crowd(found + codecs, len(state.awaited()))


def _runs(state: ProcessState) -> bool:
    return state.condition in {"starting", "ready", "crash-looping"} and state.name != "prepare"


def _codecs(processor: Victim) -> Iterator[Victim]:
    for member in members_of_session(processor.process):
        if member != processor.process and _CODEC_MODULE in _command_line(member.pid):
            yield Victim(CODEC, member)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
