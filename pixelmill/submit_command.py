"""The command `submit`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from pixelmill.api_answers import Accepted, Findings
from pixelmill.api_client import ApiClient, Submission
from pixelmill.command_options import AsJson, Watch
from pixelmill.connecting import connected
from pixelmill.display import remarks, show_accepted, show_findings, show_json
from pixelmill.exit_codes import ExitCode
from pixelmill.progress_bars import upload_bar
from pixelmill.reporting import Unusable, reporting
from pixelmill.request_end import follow_to_the_end
from pixelmill.saved_files import check_readable, check_writable

Quality = Annotated[int | None, typer.Option(min=1, max=95, help="Encoder quality, 50 by default.")]
OutputFormat = Annotated[
    Literal["keep", "jpeg", "webp", "png"] | None, typer.Option("--format", help="Format of the pictures.")
]
OnInvalid = Annotated[
    Literal["reject", "keep"] | None, typer.Option(help="What a broken row does: reject the file, or be carried along.")
]
FailedSlots = Annotated[
    Literal["keep_url", "empty"] | None, typer.Option(help="What stands in the output where an image failed.")
]
Priority = Annotated[Literal["normal", "low"] | None, typer.Option(help="Low goes behind everything else.")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the file, utf-8 by default; cp1252 and others.")]
Metadata = Annotated[str | None, typer.Option(help="JSON object that comes back in the status and the webhook.")]


def submit(
    file: Annotated[Path, typer.Argument(help="CSV with serial numbers, product names and image URLs.")],
    *,
    watch: Watch = False,
    output: Annotated[Path | None, typer.Option(help="Save the output CSV here; waits for the end.")] = None,
    callback_url: Annotated[str | None, typer.Option(help="Webhook to call at the end.")] = None,
    quality: Quality = None,
    output_format: OutputFormat = None,
    recipe: Annotated[str | None, typer.Option(help="Which renditions are made, by the name of the recipe.")] = None,
    on_invalid: OnInvalid = None,
    failed_slots: FailedSlots = None,
    priority: Priority = None,
    encoding: Encoding = None,
    metadata: Metadata = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the CSV, accept nothing.")] = False,
    idempotency_key: Annotated[str | None, typer.Option(help="Submitting twice under one key is once.")] = None,
    as_json: AsJson = False,
) -> None:
    """Submit a CSV. Exit code 3 says that some images failed, 5 that the CSV was refused."""
    with reporting(as_json=as_json):
        _check(file, output, metadata)
        options = _given(
            callback_url=callback_url,
            quality=quality,
            format=output_format,
            recipe=recipe,
            on_invalid=on_invalid,
            failed_slots=failed_slots,
            priority=priority,
            encoding=encoding,
            metadata=metadata,
            dry_run=dry_run,
        )
        with connected() as client:
            answer = _upload(client, Submission(file, options, idempotency_key))
            _go_on(client, answer, output, watch=watch, as_json=as_json)


def _go_on(client: ApiClient, answer: Accepted | Findings, output: Path | None, *, watch: bool, as_json: bool) -> None:
    if isinstance(answer, Findings):
        _end_dry_run(answer, as_json=as_json)
    elif watch or output:
        show_accepted(answer, watched=True)
        follow_to_the_end(client, answer.request_id, output, as_json=as_json)
    elif as_json:
        show_json(answer)
    else:
        show_accepted(answer, watched=False)


def _check(file: Path, output: Path | None, metadata: str | None) -> None:
    """What is wrong with the command line is said before anything is sent."""
    check_readable(file)
    if output is not None:
        check_writable(output)
        if output.exists() and output.samefile(file):
            raise Unusable(f"{output} is the input; save the output elsewhere.")
    if metadata is not None and not _is_json_object(metadata):
        raise Unusable('--metadata is not a JSON object, such as \'{"shop": "north"}\'.')


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _given(**wanted: str | int | bool | None) -> Mapping[str, str]:
    """Only what was given is sent: the server has the defaults."""
    given = {name: value for name, value in wanted.items() if value is not None and value is not False}
    return {name: "true" if value is True else str(value) for name, value in given.items()}


def _upload(client: ApiClient, submission: Submission) -> Accepted | Findings:
    with upload_bar(remarks(), submission.path.stat().st_size) as on_bytes:
        return client.submit(submission, on_bytes)


def _end_dry_run(findings: Findings, *, as_json: bool) -> None:
    if as_json:
        show_json(findings)
    else:
        show_findings(findings)
    raise typer.Exit(ExitCode.OK if findings.valid else ExitCode.CSV_REFUSED)
