"""Progress on standard error: bars on a terminal, a line for every tenth elsewhere."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from pixelmill.api_answers import Status
from pixelmill.api_client import OnBytes

WORTH_A_BAR_BYTES: Final = 1_000_000
_TENTH: Final = 10


@contextmanager
def upload_bar(console: Console, total: int) -> Iterator[OnBytes]:
    """Show how far an upload of `total` bytes is, when it is large enough to take a while."""
    columns = (TextColumn("Uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    hidden = total < WORTH_A_BAR_BYTES or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("upload", total=total)
        yield lambda count: progress.advance(task, count)


def followed(console: Console, looks: Iterable[Status]) -> Status:
    """Show each look at a request as it goes on, and return the last."""
    last = _with_bar(console, looks) if console.is_terminal else _with_lines(console, looks)
    assert last is not None, "a watch ends with a look at a request that has ended"
    return last


def _with_bar(console: Console, looks: Iterable[Status]) -> Status | None:
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(complete_style="cyan", finished_style="cyan"),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
    )
    last = None
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("pending", total=100, counts="")
        for last in looks:
            description, counts = last.state, _counts(last)
            progress.update(task, completed=last.progress.percent, description=description, counts=counts)
    return last


def _with_lines(console: Console, looks: Iterable[Status]) -> Status | None:
    last, tenth = None, -1
    for last in looks:
        reached = int(last.progress.percent) // _TENTH
        if reached > tenth:
            tenth = reached
            console.print(f"{last.progress.percent:3.0f} %  {_counts(last)}", markup=False)
    return last


def _counts(status: Status) -> str:
    done = f"{status.progress.images_done} of {status.progress.images_total} images"
    failed = status.progress.failed
    return f"{done}, {failed} failed" if failed else done
