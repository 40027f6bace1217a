"""`make demo`: a catalogue of real pictures goes through the whole system. KEEP=1 leaves the stack up.

Ends with exit code 0 when exactly the slots fail that have to fail, and everything else comes back smaller.
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
from rich.console import Console
from rich.markup import escape

from examples.demo_catalogue import Slot, read_slots, surprises, write_catalogue
from examples.demo_page import totals, write_page
from examples.demo_pictures import Pair, fetch_pairs
from examples.demo_stack import NoStack, stack
from examples.picture_server import picture_server
from examples.webhook_receiver import Inbox, webhook_receiver
from pixelmill.api_answers import Accepted, Status
from pixelmill.api_client import ApiClient, Submission
from pixelmill.api_refusals import Refused, ServerUnreachable
from pixelmill.borrowed_key import borrowed_servers
from pixelmill.display import headline, ranked, size
from pixelmill.progress_bars import followed
from pixelmill.watching import watched

OUT: Final = Path("demo-out")
WEBHOOK_SECONDS: Final = 30.0
INTERRUPTED: Final = 130


@dataclass(frozen=True)
class Outcome:
    """What the demo got back."""

    status: Status
    slots: list[Slot]
    pairs: list[Pair]
    webhook: dict[str, Any] | None
    seconds: float


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()
    try:
        with stack(keep=_keeps()) as settings:
            console.print(f"The stack is ready after {time.monotonic() - started:.1f} s.")
            outcome = _run(console, settings)
    except KeyboardInterrupt:
        console.print("Stopped; everything that the demo started is stopped too.")
        return INTERRUPTED
    except NoStack:
        return 1
    except (Refused, ServerUnreachable, httpx2.HTTPError) as error:
        console.print(f"[bold red]The demo did not come to its end:[/] {escape(str(error))}")
        return 1
    return _report(console, outcome, time.monotonic() - started)


def _run(console: Console, settings: Mapping[str, str]) -> Outcome:
    OUT.mkdir(exist_ok=True)
    with (
        picture_server() as pictures,
        webhook_receiver(settings["WEBHOOK_SECRET"]) as inbox,
        borrowed_servers(settings, name="demo") as found,
        ApiClient(found) as client,
    ):
        write_catalogue(OUT / "catalogue.csv", pictures)
        started = time.monotonic()
        status = _submit(console, client, inbox)
        seconds = time.monotonic() - started
        _save(client, status)
        slots = read_slots(OUT / "output.csv")
        pairs = fetch_pairs(slots, OUT / "pictures")
        write_page(OUT / "index.html", [slot for slot in slots if not slot.succeeded], pairs)
        webhook = inbox.wait_for(status.request_id, seconds=WEBHOOK_SECONDS)
        return Outcome(status, slots, pairs, webhook, seconds)


def _submit(console: Console, client: ApiClient, inbox: Inbox) -> Status:
    submission = Submission(OUT / "catalogue.csv", {"callback_url": inbox.url})
    accepted = client.submit(submission, lambda _count: None)
    assert isinstance(accepted, Accepted), "only a dry run is answered otherwise"
    console.print(f"Submitted examples/catalogue.csv: {accepted.rows} rows, {accepted.images_total} images.")
    return followed(console, watched(lambda: client.status(accepted.request_id)))


def _save(client: ApiClient, status: Status) -> None:
    names = ["output.csv", "failures.csv"] if status.progress.failed else ["output.csv"]
    for name in names:
        with (OUT / name).open("wb") as file:
            client.save_csv(status.request_id, name, file)


def _report(console: Console, outcome: Outcome, seconds: float) -> int:
    console.print()
    console.print(headline(outcome.status))
    for slot in outcome.slots:
        if not slot.succeeded:
            console.print(f"  [red]{slot.status}[/] row {slot.row}: {escape(slot.source_url)}")
    if outcome.pairs:
        before, after = totals(outcome.pairs)
        console.print(
            f"{len(outcome.pairs)} pictures: {size(before)} became {size(after)}, "
            f"[bold]{100 * (1 - after / before):.1f} % saved[/], in {outcome.seconds:.1f} s."
        )
    wrong = [*surprises(outcome.slots), *_webhook_surprises(outcome)]
    if not wrong:
        console.print("The webhook came, and its signature fits.")
    console.print(f"Everything together took {seconds:.1f} s. Look at [bold]{OUT / 'index.html'}[/].")
    _say_how_to_go_on(console)
    for line in wrong:
        console.print(f"[bold red]Not as expected:[/] {escape(line)}")
    if any(slot.status == "blocked_address" for slot in outcome.slots):
        console.print("The stack was up already and may not fetch from this machine: `make down`, then again.")
    return 1 if wrong else 0


def _webhook_surprises(outcome: Outcome) -> list[str]:
    if outcome.webhook is None:
        return [f"no webhook with a fitting signature came within {WEBHOOK_SECONDS:.0f} s"]
    told, seen = outcome.webhook["data"]["failures_by_code"], outcome.status.failures.by_code or {}
    return [] if told == seen else [f"the webhook tells of {ranked(told)}, the status of {ranked(seen)}"]


def _say_how_to_go_on(console: Console) -> None:
    up = "" if _keeps() else "make up, then "
    console.print(f"Your own CSV: {up}.venv/bin/pixelmill submit FILE.csv --watch --output OUT.csv", markup=False)


def _keeps() -> bool:
    return os.environ.get("KEEP", "") not in {"", "0"}


if __name__ == "__main__":
    sys.exit(main())
