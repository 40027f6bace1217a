"""The ledger of suspects: a folder that all processors of a machine share.

`in-flight/` has a file for each living processor, in which it notes what it has in hand. A processor that starts, or is
assigned partitions, adopts the files of the dead: what they had in hand is a suspect from then on, a small file in
`suspects/` that says how many processors have died of it.
"""

import asyncio
import fcntl
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from services.processor.adapters.in_flight_file import InFlightFile, lines_left_in
from shared.errors import DependencyAway
from shared.kafka.records import Trigger

log = logging.getLogger(__name__)

# Longer than any topic of images keeps its records: whoever is older will never come.
_KEPT_SECONDS: Final = 8 * 86_400
# Adopting takes milliseconds. Only a processor that was stopped in the middle of it takes longer.
ADOPTING_SECONDS: Final = 5.0
_STEP_SECONDS: Final = 0.02
_SEPARATOR: Final = "@"
_NAME: Final = re.compile(r"[\w.-]{1,249}@[0-9]{1,10}@[0-9]{1,19}", re.ASCII)
_DEATHS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


class LedgerFolder:
    """A ledger on disk. Without a folder that can be written there is none: nothing is noted, nobody is a suspect.

    Nor is whoever finds no free slot noted. Whatever else lies in its folders, or cannot be read or written, is told
    once and passed over.
    """

    def __init__(self, home: Path, *, slots: int, adopting_seconds: float = ADOPTING_SECONDS) -> None:
        self._suspects_folder = home / "suspects"
        self._in_flight_folder = home / "in-flight"
        self._adopting = home / "adopting.lock"
        self._adopting_seconds = adopting_seconds
        self._suspects: dict[str, int] = {}
        self._unwritten: dict[str, int] = {}
        self._told: set[Path] = set()
        self._file: InFlightFile | None = None
        try:
            for folder in (self._suspects_folder, self._in_flight_folder):
                folder.mkdir(parents=True, exist_ok=True)
            self._file = InFlightFile(self._in_flight_folder, slots=slots)
        except OSError as error:
            log.warning("no ledger of suspects: its folder cannot be written", extra={"reason": str(error)})

    def deaths_of(self, trigger: Trigger) -> int | None:
        return self._suspects.get(_name(trigger)) if self._suspects else None

    @contextmanager
    def working_on(self, trigger: Trigger, *, deaths_if_last: int = 0) -> Iterator[None]:
        if self._file is None or self._file.is_full:
            yield
            return
        place, is_over = self._file.take(f"{_name(trigger)} {deaths_if_last}"), True
        try:
            yield
        except DependencyAway:
            raise
        except Exception:
            # A bug, which ends this process: the record stays noted, as if the process had been killed.
            is_over = False
            raise
        finally:
            if is_over:
                self._file.free(place)

    def clear(self, trigger: Trigger) -> None:
        name = _name(trigger)
        self._suspects.pop(name, None)
        try:
            (self._suspects_folder / name).unlink(missing_ok=True)
        except OSError as error:
            log.warning("a suspect was not cleared", extra={"reason": str(error)})

    async def adopt(self) -> None:
        """Make suspects of what dead processors had in hand, and learn who else is one."""
        if self._file is None:
            return
        try:
            await asyncio.to_thread(self._adopt)
        except OSError as error:
            log.warning("dead processors were not looked at", extra={"reason": str(error)})

    def close(self) -> None:
        """Leave nothing behind but what is still suspected."""
        if self._file is not None:
            self._file.close()

    def _adopt(self) -> None:
        self._unwritten.clear()
        with _locked(self._adopting, seconds=self._adopting_seconds):
            try:
                for path in sorted(self._in_flight_folder.iterdir()):
                    self._adopt_from(path)
            finally:
                self._suspects = self._unwritten | dict(self._read_suspects())

    def _adopt_from(self, path: Path) -> None:
        """Leave the file where it is if not all of its suspects could be written: it is for the next time, too."""
        try:
            with lines_left_in(path) as lines:
                if lines is None:
                    return
                adopted = [self._suspect(path, line) for line in lines]
                if all(adopted):
                    path.unlink(missing_ok=True)
        except OSError as error:
            self._passed_over(path, str(error))
            return
        if lines:
            log.warning("a processor died with records in hand", extra={"suspects": len(lines)})

    def _suspect(self, source: Path, line: str) -> bool:
        """Say whether nothing is left to do for a line."""
        name, _, deaths = line.partition(" ")
        if not _NAME.fullmatch(name):
            self._passed_over(source, "a line of it names no record")
            return True
        try:
            self._write(name, _number(deaths))
        except OSError as error:
            self._passed_over(source, str(error))
            self._unwritten[name] = _number(deaths)
            return False
        return True

    def _write(self, name: str, deaths: int) -> None:
        """Write it as a whole or not at all. A second time changes nothing: a line says the sum, not one more."""
        path, written = self._suspects_folder / name, self._suspects_folder / f".{name}"
        written.write_text(str(max(deaths, _deaths_in(path) or 0)))
        written.replace(path)

    def _read_suspects(self) -> Iterator[tuple[str, int]]:
        for path in self._suspects_folder.iterdir():
            try:
                deaths = _deaths_in(path)
            except OSError as error:
                self._passed_over(path, str(error))
                continue
            if deaths is not None and _NAME.fullmatch(path.name):
                yield path.name, deaths

    def _passed_over(self, path: Path, reason: str) -> None:
        if path not in self._told:
            self._told.add(path)
            log.warning("an entry of the ledger is passed over", extra={"entry": path.name, "reason": reason})


def _deaths_in(path: Path) -> int | None:
    """Return None when there is no such suspect, or none any more: others clear what ended and what is too old."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no file")
        if time.time() - status.st_mtime <= _KEPT_SECONDS:
            return _number(path.read_bytes().decode(errors="replace"))
        path.unlink()
    except FileNotFoundError:
        return None
    return None


def _number(text: str) -> int:
    return int(text) if _DEATHS.fullmatch(text) else 0


@contextmanager
def _locked(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the lock of a file. Go on without it when it cannot be had, or not soon: then two read the same."""
    with ExitStack() as held:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            held.callback(os.close, file)
            _lock(file, seconds=seconds)
        except OSError as error:
            log.warning("the ledger is not locked", extra={"reason": str(error)})
        yield


def _lock(file: int, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(_STEP_SECONDS)


def _name(trigger: Trigger) -> str:
    return _SEPARATOR.join(map(str, trigger))
