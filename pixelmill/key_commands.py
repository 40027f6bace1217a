"""The commands for API keys: create, list, revoke."""

import sys
from typing import Annotated, Final

import typer
from rich.markup import escape

from pixelmill.api_answers import Part
from pixelmill.api_refusals import ServerUnreachable
from pixelmill.command_options import FOR_OPERATORS, AsJson
from pixelmill.connecting import connected_as_operator
from pixelmill.display import remarks, results, show_json
from pixelmill.key_answers import ApiKey, NewApiKey
from pixelmill.operator_client import OperatorClient
from pixelmill.reporting import reporting

HELP: Final = f"API keys: who may submit requests, and see their own. {FOR_OPERATORS}"

Owner = Annotated[str, typer.Option(help="Whose requests are made with the key. Several keys may have one owner.")]
OfOwner = Annotated[str | None, typer.Option("--owner", help="Only keys of this owner.")]
Name = Annotated[str, typer.Option(help="What the key is for; the list shows it.")]
Limit = Annotated[int | None, typer.Option(min=0, help="0 is no limit. Default: as the server has it for everyone.")]


def register(app: typer.Typer) -> None:
    """Add the commands below `keys`."""
    below = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    below.command()(create)
    below.command("list")(list_keys)
    below.command()(revoke)
    app.add_typer(below, name="keys")


def create(
    *,
    owner: Owner,
    name: Name = "unnamed",
    requests_per_hour: Limit = None,
    rows_per_hour: Limit = None,
    bytes_per_hour: Limit = None,
    requests_in_flight: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it, this once. Standard output has the key and nothing else."""
    quotas = {
        "requests_per_hour": requests_per_hour,
        "rows_per_hour": rows_per_hour,
        "bytes_per_hour": bytes_per_hour,
        "requests_in_flight": requests_in_flight,
    }
    with reporting(as_json=as_json), connected_as_operator() as client:
        given = {quota: limit for quota, limit in quotas.items() if limit is not None}
        made = client.create_key({"owner": owner, "name": name, "quotas": given})
        if as_json:
            show_json(made)
        else:
            _show_new(made)
            _say_if_unneeded(client)


def list_keys(*, owner: OfOwner = None, as_json: AsJson = False) -> None:
    """List API keys, the newest first, revoked ones too. What a key is nobody can see again."""
    with reporting(as_json=as_json), connected_as_operator() as client:
        found = client.keys(owner)
        if as_json:
            show_json(found)
        else:
            _show_keys(found.items)


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, as `keys list` names it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke an API key: from now on it is worth nothing. Its owner's requests go on."""
    with reporting(as_json=as_json), connected_as_operator() as client:
        client.revoke_key(key_id)
        if as_json:
            show_json(Part.model_validate({"key_id": key_id, "revoked": True}))
        else:
            results().print(f"Revoked {key_id}", markup=False)


def _show_new(made: NewApiKey) -> None:
    sys.stdout.write(f"{made.key}\n")
    sys.stdout.flush()
    out = remarks()
    out.print(
        f"This is key {made.key_id} of the owner {made.owner}. It is shown this once; keep it safe.", markup=False
    )
    out.print("Its holder sets PIXELMILL_API_KEY to it, or sends it as `Authorization: Bearer ...`.", markup=False)


def _say_if_unneeded(client: OperatorClient) -> None:
    try:
        is_unneeded = client.lets_everyone_in()
    except ServerUnreachable:
        # The key was made by another server, and holds whatever this one would say.
        return
    if is_unneeded:
        remarks().print(
            "[bold yellow]Not asked for yet:[/] this server lets everyone in as the owner `local` (AUTH=off)."
        )


def _show_keys(keys: tuple[ApiKey, ...]) -> None:
    out = results()
    if not keys:
        out.print("There is no such key.")
        return
    out.print(f"{'ID':<16}  {'OWNER':<20}  {'MADE':<24}  {'REVOKED':<24}  NAME")
    for key in keys:
        out.print(
            f"{key.key_id:<16}  {escape(key.owner):<20}  {key.created_at:<24}  "
            f"[red]{key.revoked_at or '':<24}[/]  {escape(key.name)}{escape(_limits(key))}"
        )


def _limits(key: ApiKey) -> str:
    """Quotas of its own, behind the name."""
    own = key.quotas.model_dump(exclude_none=True)
    said = ", ".join(f"{quota} {limit if limit else 'unlimited'}" for quota, limit in own.items())
    return f"  ({said})" if said else ""
