"""The commands for the secrets that sign one's webhooks: create, list, revoke."""

import sys
from typing import Annotated, Final

import typer
from rich.markup import escape

from pixelmill.api_answers import Part
from pixelmill.command_options import AsJson
from pixelmill.connecting import connected
from pixelmill.display import remarks, results, show_json
from pixelmill.reporting import reporting

HELP: Final = "Secrets that sign your webhooks (Standard Webhooks)."

Overlap = Annotated[
    int | None, typer.Option(min=0, help="How long the secrets before it sign beside it. Default: a day.")
]


def register(app: typer.Typer) -> None:
    """Add the commands below `webhook-secrets`."""
    below = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    below.command()(create)
    below.command("list")(list_secrets)
    below.command()(revoke)
    app.add_typer(below, name="webhook-secrets")


def create(*, overlap_seconds: Overlap = None, as_json: AsJson = False) -> None:
    """Make a secret and print it, this once. Standard output has the secret and nothing else."""
    with reporting(as_json=as_json), connected() as client:
        made = client.make_webhook_secret(overlap_seconds=overlap_seconds)
        if as_json:
            show_json(made)
            return
        sys.stdout.write(f"{made.secret}\n")
        remarks().print(f"Secret {made.secret_id} signs from now on. It is shown this once.", markup=False)


def list_secrets(*, as_json: AsJson = False) -> None:
    """List the secrets that sign, the newest first. What a secret is nobody can see again."""
    with reporting(as_json=as_json), connected() as client:
        found = client.webhook_secrets()
        if as_json:
            show_json(found)
            return
        if not found.items:
            results().print("You have made no webhook secret.")
        for item in found.items:
            ends = f"signs until {item.expires_at}" if item.expires_at else "signs"
            results().print(f"{escape(item.secret_id)}  made {item.created_at}  {ends}")


def revoke(
    secret_id: Annotated[str, typer.Argument(metavar="SECRET_ID", help="The secret's id, as `list` names it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Have a secret sign nothing from now on. Make another one first."""
    with reporting(as_json=as_json), connected() as client:
        client.end_webhook_secret(secret_id)
        if as_json:
            show_json(Part.model_validate({"secret_id": secret_id, "revoked": True}))
        else:
            results().print(f"Revoked {secret_id}", markup=False)
