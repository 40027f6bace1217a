"""The user's commands: submit, status, download, deliveries, redeliver."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from pixelmill.api_answers import Accepted, Findings, Part, Status
from pixelmill.api_client import ApiClient, Submission
from pixelmill.display import (
    remarks,
    show_accepted,
    show_deliveries,
    show_delivery,
    show_findings,
    show_json,
    show_status,
)
from pixelmill.exit_codes import ExitCode
from pixelmill.progress_bars import followed, upload_bar
from pixelmill.reporting import Unusable, exit_code, reporting
from pixelmill.running_stack import public_urls
from pixelmill.saved_files import STANDARD_OUTPUT, check_readable, check_writable, saving
from pixelmill.server_addresses import servers
from pixelmill.watching import watched

AsJson = Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")]
Watch = Annotated[bool, typer.Option("--watch", help="Follow the request until its end.")]
RequestName = Annotated[str, typer.Argument(metavar="ID", help="The request, as `submit` named it.")]
Quality = Annotated[int | None, typer.Option(min=1, max=95, help="Encoder quality, 50 by default.")]
OutputFormat = Annotated[
    Literal["keep", "jpeg", "webp", "png"] | None, typer.Option("--format", help="Format of the pictures.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (submit, status, download, deliveries, redeliver):
        app.command()(command)


def submit(
    file: Annotated[Path, typer.Argument(help="CSV with serial numbers, product names and image URLs.")],
    *,
    watch: Watch = False,
    output: Annotated[Path | None, typer.Option(help="Save the output CSV here; waits for the end.")] = None,
    callback_url: Annotated[str | None, typer.Option(help="Webhook to call at the end.")] = None,
    quality: Quality = None,
    output_format: OutputFormat = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the CSV, accept nothing.")] = False,
    idempotency_key: Annotated[str | None, typer.Option(help="Submitting twice under one key is once.")] = None,
    as_json: AsJson = False,
) -> None:
    """Submit a CSV. Exit code 3 says that some images failed, 5 that the CSV was refused."""
    with reporting(as_json=as_json):
        _check_files(file, output)
        options = _options(callback_url=callback_url, quality=quality, format=output_format, dry_run=dry_run)
        with _client() as client:
            answer = _upload(client, Submission(file, options, idempotency_key))
            if isinstance(answer, Findings):
                _end_dry_run(answer, as_json=as_json)
            elif watch or output:
                show_accepted(answer, watched=True)
                _finish(client, answer.request_id, output, as_json=as_json)
            elif as_json:
                show_json(answer)
            else:
                show_accepted(answer, watched=False)


def status(request_id: RequestName, *, watch: Watch = False, as_json: AsJson = False) -> None:
    """Show how a request stands, its failures first."""
    with reporting(as_json=as_json), _client() as client:
        if watch:
            _finish(client, request_id, None, as_json=as_json)
        else:
            _end(client.status(request_id), as_json=as_json)


def download(
    request_id: RequestName,
    *,
    output: Annotated[Path | None, typer.Option(help="Where to, `-` is standard output.")] = None,
    as_json: AsJson = False,
) -> None:
    """Save the output CSV of a request that has ended, by default as ID-output.csv."""
    with reporting(as_json=as_json), _client() as client:
        target = output or Path(f"{request_id.replace('/', '_')}-output.csv")
        check_writable(target)
        with saving(target) as file:
            client.save_csv(request_id, "output.csv", file)
        if as_json and target != STANDARD_OUTPUT:
            show_json(Part.model_validate({"request_id": request_id, "output": str(target)}))
        elif target != STANDARD_OUTPUT:
            remarks().print(f"Saved {target}", markup=False)


def deliveries(request_id: RequestName, *, as_json: AsJson = False) -> None:
    """Show the webhooks of a request and what became of each attempt."""
    with reporting(as_json=as_json), _client() as client:
        found = client.deliveries(request_id)
        if as_json:
            show_json(found)
        else:
            show_deliveries(found)


def redeliver(
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery, as `deliveries` names it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Have a webhook posted once more, now."""
    with reporting(as_json=as_json), _client() as client:
        delivery = client.redeliver(delivery_id)
        if as_json:
            show_json(delivery)
        else:
            show_delivery(delivery)
        if delivery.attempts and delivery.attempts[-1].error is not None:
            raise typer.Exit(ExitCode.ERROR)


def _client() -> ApiClient:
    return ApiClient(servers(os.environ, public_urls))


def _check_files(file: Path, output: Path | None) -> None:
    check_readable(file)
    if output is not None:
        check_writable(output)
        if output.exists() and output.samefile(file):
            raise Unusable(f"{output} is the input; save the output elsewhere.")


def _options(**wanted: str | int | bool | None) -> Mapping[str, str]:
    given = {name: value for name, value in wanted.items() if value is not None and value is not False}
    return {name: "true" if value is True else str(value) for name, value in given.items()}


def _upload(client: ApiClient, submission: Submission) -> Accepted | Findings:
    with upload_bar(remarks(), submission.path.stat().st_size) as on_bytes:
        return client.submit(submission, on_bytes)


def _finish(client: ApiClient, request_id: str, output: Path | None, *, as_json: bool) -> None:
    try:
        final = followed(remarks(), watched(lambda: client.status(request_id)))
    except KeyboardInterrupt:
        remarks().print(f"Stopped watching; the request goes on. Look again: pixelmill status {request_id} --watch")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if output is not None:
        with saving(output) as file:
            client.save_csv(request_id, "output.csv", file)
    _end(final, as_json=as_json)


def _end(status: Status, *, as_json: bool) -> None:
    if as_json:
        show_json(status)
    else:
        show_status(status)
    raise typer.Exit(exit_code(status))


def _end_dry_run(findings: Findings, *, as_json: bool) -> None:
    if as_json:
        show_json(findings)
    else:
        show_findings(findings)
    raise typer.Exit(ExitCode.OK if findings.valid else ExitCode.CSV_REFUSED)
