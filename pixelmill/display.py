"""How requests look on a terminal: bad news first, and nothing green that has failures in it."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pixelmill.api_answers import (
    Accepted,
    CsvError,
    Deliveries,
    Delivery,
    Findings,
    ListedRequest,
    Part,
    Problem,
    Progress,
    Requests,
    Status,
)

SHOWN_ERRORS: Final = 50
PLACES: Final = ("row", "line")
_HOPEFUL: Final = {"pending": "default", "processing": "default", "completed": "green"}
_USUAL_ENCODINGS: Final = frozenset({None, "utf-8"})
_USUAL_DELIMITERS: Final = frozenset({None, ","})
_DELIMITERS: Final = {";": "semicolons", "\t": "tabs"}
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_STEP: Final = 1000.0


def results() -> Console:
    """Where answers go."""
    return Console(soft_wrap=True, highlight=False)


def remarks() -> Console:
    """Where progress and complaints go, so that they never stand in an answer that is piped on."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def show_json(answer: Part) -> None:
    """Print an answer as the server gave it."""
    sys.stdout.write(json.dumps(answer.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=2) + "\n")


def show_accepted(accepted: Accepted, *, watched: bool) -> None:
    """Print that a request was taken, and what its submitter may not expect."""
    out = remarks() if watched else results()
    show_csv_errors(accepted.warnings, accepted.warnings_total)
    if accepted.warnings_total:
        remarks().print(f"[bold yellow]Let pass[/], as on_invalid=keep asks: {accepted.warnings_total} in all.")
    out.print(f"Accepted [bold]{accepted.request_id}[/]: {_contents(accepted)}.")
    if not watched:
        out.print(f"Follow it with: pixelmill status {accepted.request_id} --watch")


def show_status(status: Status) -> None:
    """Print how a request stands; failures come before everything else."""
    out = results()
    out.print(headline(status))
    for label, counts in (("code", status.failures.by_code), ("host", status.failures.by_host)):
        if counts:
            out.print(f"  failures by {label}: [red]{escape(ranked(counts))}[/]")
    out.print(f"  {counted(status.progress)}")
    if status.bytes.in_:
        out.print(f"  {saved(status)}")
    if status.has_ended:
        _show_links(out, status)


def headline(status: Status) -> str:
    """One line that says how it went, in rich markup."""
    progress = status.progress
    name = status.request_id
    if not status.has_ended:
        return f"[bold]{status.state.upper()}[/] {progress.percent:.0f} %  {name}"
    if status.state != "completed":
        return f"[bold red]{status.state.upper()}[/] {unhappy(progress)}  {name}"
    if status.is_spotless:
        return f"[bold green]COMPLETED[/] all {progress.images_total} images  {name}"
    return f"[bold yellow]COMPLETED WITH FAILURES[/] {unhappy(progress)}  {name}"


def unhappy(progress: Progress) -> str:
    lost = f", {progress.not_attempted} not attempted" if progress.not_attempted else ""
    return f"{progress.failed} of {progress.images_total} images failed{lost}"


def counted(progress: Progress) -> str:
    return (
        f"{progress.failed} failed, {progress.not_attempted} not attempted, {progress.succeeded} succeeded "
        f"of {progress.images_total} images"
    )


def ranked(counts: Mapping[str, int]) -> str:
    """The most frequent first: `http_404 3, timeout 1`."""
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {count}" for name, count in pairs)


def saved(status: Status) -> str:
    percent = status.bytes.saved_percent
    share = "" if percent is None else f": {percent:.1f} % saved"
    return f"{size(status.bytes.in_ or 0)} in, {size(status.bytes.out or 0)} out{share}"


def size(count: float) -> str:
    """A number of bytes for people: `1.5 MB`."""
    for unit in _UNITS[:-1]:
        if abs(count) < _STEP:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _STEP
    return f"{count:.1f} {_UNITS[-1]}"


def show_requests(requests: Requests) -> None:
    """Print one line for each request; nothing is green that has failures in it."""
    out = results()
    if not requests.items:
        out.print("There is no such request.")
        return
    # No table of rich: it would cut the ids, which are there to be copied.
    out.print(f"{'ID':<36}  {'SUBMITTED':<24}  {'STATE':<10}  {'DONE':>5}  {'FAILED':>7}  {'IMAGES':>7}")
    for request in requests.items:
        out.print(_request_line(request))
    if requests.next_cursor is not None:
        out.print("There are more; --limit shows them.")


def _request_line(request: ListedRequest) -> str:
    progress = request.progress
    failed = progress.failed + progress.not_attempted
    colour = "red" if request.state not in _HOPEFUL else "yellow" if failed else _HOPEFUL[request.state]
    return (
        f"{request.request_id:<36}  {escape(request.submitted_at):<24}  [{colour}]{request.state:<10}[/]  "
        f"{progress.percent:>3.0f} %  [{'red' if failed else 'default'}]{failed:>7}[/]  {progress.images_total:>7}"
    )


def show_problem(problem: Problem) -> None:
    """Print why the server refused; every error of a CSV with its place."""
    out = remarks()
    out.print(f"[bold red]REFUSED[/] {escape(problem.detail or problem.title)}")
    show_csv_errors(problem.errors, problem.errors_total)


def show_csv_errors(errors: Sequence[CsvError], total: int | None) -> None:
    """Print what is wrong with a CSV, each error with its place; `total` may be more than were sent."""
    if not errors:
        return
    out = remarks()
    has_places = any(error.row or error.line for error in errors)
    table = Table(*(PLACES if has_places else ()), "column", "code", "message", box=None, header_style="bold")
    for error in errors[:SHOWN_ERRORS]:
        places = [str(number or "") for number in (error.row, error.line)] if has_places else []
        table.add_row(*places, *map(escape, (error.column or "", error.code, error.message)))
    out.print(table)
    known = total or len(errors)
    if known > SHOWN_ERRORS:
        out.print(f"{SHOWN_ERRORS} of {known} errors are shown; --json gives up to {len(errors)}.")


def show_findings(findings: Findings) -> None:
    """Print what a dry run found."""
    show_csv_errors(findings.errors, findings.errors_total)
    verdict = "[bold green]VALID[/]" if findings.valid else "[bold red]NOT VALID[/]"
    results().print(f"{verdict} {_contents(findings)}; nothing was submitted.")


def _contents(answer: Accepted | Findings) -> str:
    """What is in a CSV; how it was read only where that is not what everybody expects."""
    said = [f"{answer.rows} rows", f"{answer.images_total} images"]
    if answer.carried_over:
        said.append(f"{answer.carried_over} of them carried over")
    if answer.csv.encoding not in _USUAL_ENCODINGS:
        said.append(f"read as {answer.csv.encoding}")
    if answer.csv.delimiter not in _USUAL_DELIMITERS:
        said.append(f"separated by {_DELIMITERS.get(answer.csv.delimiter or '', answer.csv.delimiter)}")
    return ", ".join(said)


def show_deliveries(deliveries: Deliveries) -> None:
    """Print what became of each webhook, those that failed first."""
    if not deliveries.items:
        results().print("No webhook is owed for this request: it has no callback URL, or has not ended.")
    for delivery in sorted(deliveries.items, key=lambda one: one.state == "delivered"):
        show_delivery(delivery)


def show_delivery(delivery: Delivery) -> None:
    out = results()
    colour = {"delivered": "green", "failed": "red"}.get(delivery.state, "yellow")
    out.print(f"[bold {colour}]{delivery.state.upper()}[/] webhook to {escape(delivery.host)}  {delivery.delivery_id}")
    for attempt in delivery.attempts:
        ended = f"{attempt.error.code}: {attempt.error.message}" if attempt.error else f"status {attempt.status}"
        out.print(f"  attempt {attempt.n} at {attempt.at}, {attempt.duration_ms} ms: {escape(ended)}")
    if delivery.next_attempt_at:
        out.print(f"  next attempt at {delivery.next_attempt_at}")


def _show_links(out: Console, status: Status) -> None:
    for label, link in (("failures", status.links.failures_csv), ("output", status.links.output_csv)):
        if link and (label == "output" or status.progress.failed or status.progress.not_attempted):
            out.print(f"  {label}: {link}")
