"""Tasks and answers on the socket between a processor and a codec process: plain JSON, and descriptors beside it.

Nothing that a codec process says is executed, as a pickle would be: a picture may have taken the process over.
"""

import json
import re
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from services.processor.codec.job import Answer, Descriptor, Failed, Job, Order, Task

_READY: Final = b"ready %d"
_IS_READY: Final = re.compile(rb"ready (\d{1,3})")

MAX_MESSAGE_BYTES: Final = 64 * 1024
MAX_DESCRIPTORS: Final = 64
MAX_ERROR: Final = 2000


def ready(landlock: int) -> bytes:
    """What a process says once, when it takes tasks: which version of Landlock it is confined by, 0 for none."""
    return _READY % landlock


def landlock_of(said: bytes) -> int | None:
    """Read what `ready` made; None when it is something else."""
    match = _IS_READY.fullmatch(said)
    return int(match[1]) if match else None


def files_of(job: Job) -> list[Descriptor]:
    """The source, then the outputs in the order of the orders."""
    return [job.source, *(order.output for order in job.orders)]


def send_task(channel: socket.socket, task: Task) -> None:
    """Hand over a task with the files that it names. Raises `OSError` when nobody listens."""
    socket.send_fds(channel, [_as_json(task)], files_of(task.job))


def receive_task(channel: socket.socket) -> Task | None:
    """Wait for a task, whose files are then this process's to close; None when the other side is gone."""
    try:
        content, files, _, _ = socket.recv_fds(channel, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS)
    except OSError:
        return None
    return _task(content, [Descriptor(file) for file in files]) if content else None


def send_answer(channel: socket.socket, answer: Answer) -> None:
    """Say what became of a task, in one piece."""
    if isinstance(answer, Failed):
        answer = replace(answer, error=answer.error.encode("ascii", "backslashreplace").decode()[-MAX_ERROR:])
    channel.send(_as_json(answer))


def _as_json(said: Task | Answer) -> bytes:
    return json.dumps(said, default=_fields).encode()


def _fields(value: object) -> dict[str, Any]:
    """What a value of `job` consists of: they are all small, frozen and slotted."""
    return {name: getattr(value, name) for name in type(value).__slots__}  # type: ignore[attr-defined]  # slots


def _task(content: bytes, files: Sequence[Descriptor]) -> Task:
    """Read a task; its descriptors were the sender's, so those that came along take their place."""
    fields = json.loads(content)
    job, (source, *outputs) = fields["job"], files
    orders = tuple(Order(**order | {"output": output}) for order, output in zip(job["orders"], outputs, strict=True))
    return Task(Job(**job | {"source": source, "orders": orders}), fields["cpu_seconds"])
