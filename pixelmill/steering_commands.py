"""The commands that steer a request: cancel, retry."""

from typing import Annotated

import typer

from pixelmill.api_client import ApiClient
from pixelmill.command_options import AsJson, RequestName, Watch
from pixelmill.connecting import connected
from pixelmill.display import results, show_accepted, show_json
from pixelmill.reporting import reporting
from pixelmill.request_end import follow_to_the_end

IdempotencyKey = Annotated[str | None, typer.Option(help="Retrying twice under one key is once.")]


def cancel(request_id: RequestName, *, as_json: AsJson = False) -> None:
    """Cancel a request that runs. It ends within seconds, with an output CSV of what was done."""
    with reporting(as_json=as_json), connected() as client:
        cancelled = client.cancel(request_id)
        if as_json:
            show_json(cancelled)
        elif cancelled.state == "cancelled":
            results().print(f"{cancelled.request_id} is cancelled.", markup=False)
        else:
            results().print(f"Cancelling {cancelled.request_id}. See its end: pixelmill status {cancelled.request_id}")


def retry(
    request_id: RequestName, *, watch: Watch = False, idempotency_key: IdempotencyKey = None, as_json: AsJson = False
) -> None:
    """Try again what failed or was not attempted, as a new request. What succeeded is carried over."""
    with reporting(as_json=as_json), connected() as client:
        _retry(client, request_id, idempotency_key, watch=watch, as_json=as_json)


def _retry(client: ApiClient, request_id: str, key: str | None, *, watch: bool, as_json: bool) -> None:
    accepted = client.retry(request_id, idempotency_key=key)
    if watch:
        show_accepted(accepted, watched=True)
        follow_to_the_end(client, accepted.request_id, None, as_json=as_json)
    elif as_json:
        show_json(accepted)
    else:
        show_accepted(accepted, watched=False)
