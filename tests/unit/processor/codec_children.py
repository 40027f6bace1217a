"""The codec processes of a processor, as the system sees them."""

import os
import signal
from functools import partial
from pathlib import Path

from services.processor.codec.process import MODULE
from tests.waiting import until


def codec_processes(parent: int) -> list[int]:
    """The codec processes of one parent."""
    children: list[int] = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        children += map(int, (task / "children").read_text().split())
    return [child for child in children if MODULE.encode() in Path(f"/proc/{child}/cmdline").read_bytes()]


def processor_seconds(process: int) -> float:
    """What a process has used of a processor since it began."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def process_at_work(parent: int | None = None) -> int:
    """The codec process, of this process or of `parent`, that uses its processor now."""
    family = os.getpid() if parent is None else parent
    before = {process: processor_seconds(process) for process in codec_processes(family)}

    def at_work() -> int:
        now = codec_processes(family)
        return next((one for one in now if processor_seconds(one) > before.setdefault(one, 0.0) + 0.8), 0)

    found = await until(at_work, seconds=60, what="a codec process works on a picture")
    assert isinstance(found, int)
    return found


async def killed_at_work(parent: int | None = None, *, by: signal.Signals = signal.SIGKILL) -> None:
    at_work = await process_at_work(parent)
    os.kill(at_work, by)
    await until(partial(is_gone, at_work, parent), what="the killed process is gone")


def is_gone(process: int, parent: int | None = None) -> bool:
    return process not in codec_processes(os.getpid() if parent is None else parent)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}
