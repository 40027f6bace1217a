"""The user's commands for requests: list, status, delete; and the list of all user's commands."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pixelmill import dead_letter_commands, key_commands, webhook_secret_commands
from pixelmill.api_answers import Part, State
from pixelmill.api_client import Wanted
from pixelmill.command_options import AsJson, RequestName, Watch
from pixelmill.connecting import connected
from pixelmill.delivery_commands import deliveries, redeliver
from pixelmill.display import results, show_json, show_requests
from pixelmill.download_command import download
from pixelmill.reporting import Unusable, reporting
from pixelmill.request_end import follow_to_the_end, leave_with
from pixelmill.steering_commands import cancel, retry
from pixelmill.submit_command import submit

ListedState = Annotated[State | None, typer.Option(help="Only requests in this state.")]
Since = Annotated[str | None, typer.Option(help="Submitted at or after this time, 2026-03-01 or 2026-03-01T08:30:00Z.")]
Until = Annotated[str | None, typer.Option(help="Submitted before this time.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")]


def register(app: typer.Typer) -> None:
    """Add all user's commands."""
    app.command("submit")(submit)
    app.command("list")(list_requests)
    for command in (status, download, cancel, retry, delete, deliveries, redeliver):
        app.command()(command)
    dead_letter_commands.register(app)
    webhook_secret_commands.register(app)
    key_commands.register(app)


def list_requests(
    *, state: ListedState = None, since: Since = None, until: Until = None, limit: Limit = 20, as_json: AsJson = False
) -> None:
    """List requests, the newest first."""
    with reporting(as_json=as_json), connected() as client:
        wanted = Wanted(state=state, since=_moment("--since", since), until=_moment("--until", until))
        found = client.requests(wanted, limit=limit)
        if as_json:
            show_json(found)
        else:
            show_requests(found)


def status(request_id: RequestName, *, watch: Watch = False, as_json: AsJson = False) -> None:
    """Show how a request stands, its failures first."""
    with reporting(as_json=as_json), connected() as client:
        if watch:
            follow_to_the_end(client, request_id, None, as_json=as_json)
        else:
            leave_with(client.status(request_id), as_json=as_json)


def delete(request_id: RequestName, *, as_json: AsJson = False) -> None:
    """Delete a request that has ended, with its pictures and CSVs. Its URLs lead nowhere from then on."""
    with reporting(as_json=as_json), connected() as client:
        client.delete(request_id)
        if as_json:
            show_json(Part.model_validate({"request_id": request_id, "deleted": True}))
        else:
            results().print(f"Deleted {request_id}", markup=False)


def _moment(option: str, text: str | None) -> str | None:
    """A time as the server takes it; without a zone it is UTC."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise Unusable(f"{option} {text} is not a time, such as 2026-03-01 or 2026-03-01T08:30:00Z.") from None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).isoformat()
