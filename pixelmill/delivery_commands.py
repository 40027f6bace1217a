"""The commands for webhooks: deliveries, redeliver."""

from typing import Annotated

import typer

from pixelmill.command_options import AsJson, RequestName
from pixelmill.connecting import connected
from pixelmill.display import show_deliveries, show_delivery, show_json
from pixelmill.exit_codes import ExitCode
from pixelmill.reporting import reporting


def deliveries(request_id: RequestName, *, as_json: AsJson = False) -> None:
    """Show the webhooks of a request and what became of each attempt."""
    with reporting(as_json=as_json), connected() as client:
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
    with reporting(as_json=as_json), connected() as client:
        delivery = client.redeliver(delivery_id)
        if as_json:
            show_json(delivery)
        else:
            show_delivery(delivery)
        if delivery.attempts and delivery.attempts[-1].error is not None:
            raise typer.Exit(ExitCode.ERROR)
