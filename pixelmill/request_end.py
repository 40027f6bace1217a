"""How the commands that look at a request end: its status, and the exit code that says what became of it."""

from pathlib import Path

import typer

from pixelmill.api_answers import Status
from pixelmill.api_client import ApiClient
from pixelmill.display import remarks, show_json, show_status
from pixelmill.exit_codes import ExitCode
from pixelmill.progress_bars import followed
from pixelmill.reporting import exit_code
from pixelmill.saved_files import saving
from pixelmill.watching import watched


def follow_to_the_end(client: ApiClient, request_id: str, output: Path | None, *, as_json: bool) -> None:
    """Show progress until the request has ended, save its output when that is wanted, and leave."""
    try:
        final = followed(remarks(), watched(lambda: client.status(request_id)))
    except KeyboardInterrupt:
        remarks().print(f"Stopped watching; the request goes on. Look again: pixelmill status {request_id} --watch")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if output is not None:
        with saving(output) as file:
            client.save_csv(request_id, "output.csv", file)
    leave_with(final, as_json=as_json)


def leave_with(status: Status, *, as_json: bool) -> None:
    """Print a status and leave with its exit code."""
    if as_json:
        show_json(status)
    else:
        show_status(status)
    raise typer.Exit(exit_code(status))
