"""The commands for dead letters: list, replay."""

import sys
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from pixelmill.command_options import FOR_OPERATORS, AsJson
from pixelmill.connecting import connected_as_operator
from pixelmill.dead_letter_answers import Kind, Replayed, ReplayItem
from pixelmill.dead_letter_display import DONE, show_letters, show_replay
from pixelmill.display import remarks, show_json
from pixelmill.exit_codes import ExitCode
from pixelmill.operator_client import OperatorClient
from pixelmill.reporting import Unusable, reporting

HELP: Final = f"Dead letters: what nobody could do anything with. {FOR_OPERATORS}"
LETTERS_A_CALL: Final = 500
"""A call is paced by the server: this many are answered within seconds."""

OfKind = Annotated[Kind | None, typer.Option(help="Only letters of this kind.")]
OfCode = Annotated[str | None, typer.Option(help="Letters with this error code.")]
OfRequest = Annotated[str | None, typer.Option(metavar="ID", help="Letters of this request.")]
Letters = Annotated[list[str] | None, typer.Argument(metavar="LETTER", help="These letters, as `list` names them.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")]
Most = Annotated[int | None, typer.Option(min=1, help="How many letters at most, the oldest first. Default: all.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
Again = Annotated[bool, typer.Option("--again", help="With LETTER: also what was replayed before.")]


@dataclass(frozen=True, slots=True)
class Order:
    """Which letters are to be replayed."""

    ids: tuple[str, ...]
    code: str | None
    kind: Kind | None
    request: str | None
    again: bool = False

    def body(self) -> dict[str, object]:
        """As `POST /v1/dead-letters/replay` takes it. Raises `Unusable`."""
        if sum(map(bool, (self.ids, self.code, self.request))) != 1:
            raise Unusable("Say which letters: by LETTER, by --code or by --request, one of them.")
        if self.ids and self.kind is not None:
            raise Unusable("--kind narrows --code and --request; letters that are named have their kind.")
        if self.again and not self.ids:
            raise Unusable("--again is for letters that are named.")
        given = {"ids": list(self.ids), "code": self.code, "kind": self.kind, "request_id": self.request}
        return {name: value for name, value in given.items() if value} | ({"again": True} if self.again else {})


def register(app: typer.Typer) -> None:
    """Add the commands below `dead-letters`."""
    below = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    below.command("list")(list_letters)
    below.command()(replay)
    app.add_typer(below, name="dead-letters")


def list_letters(
    *, kind: OfKind = None, code: OfCode = None, request: OfRequest = None, limit: Limit = 20, as_json: AsJson = False
) -> None:
    """Show dead letters, grouped by code, the newest first, each with its origin and payload."""
    with reporting(as_json=as_json), connected_as_operator() as client:
        given = {"kind": kind, "code": code, "request_id": request}
        found = client.dead_letters({name: value for name, value in given.items() if value is not None}, limit=limit)
        if as_json:
            show_json(found)
        else:
            show_letters(found)


def replay(
    letters: Letters = None,
    *,
    code: OfCode = None,
    kind: OfKind = None,
    request: OfRequest = None,
    again: Again = False,
    limit: Most = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Replay dead letters: retry an image's request, deliver a webhook again, write a record to its topic again.

    Each letter is replayed once, and only when it is asked for. The server takes 50 a second.
    """
    with reporting(as_json=as_json), connected_as_operator() as client:
        order = Order(tuple(letters or ()), code, kind, request, again).body()
        if not dry_run and not yes and not _is_wanted(client, order, limit, as_json=as_json):
            raise typer.Exit(ExitCode.ERROR)
        replayed = _replayed(client, order | {"dry_run": dry_run}, limit)
        if as_json:
            show_json(replayed)
        else:
            show_replay(replayed)
        if not dry_run and any(item.outcome not in DONE for item in replayed.items):
            raise typer.Exit(ExitCode.ERROR)


def _is_wanted(client: OperatorClient, order: dict[str, object], limit: int | None, *, as_json: bool) -> bool:
    if as_json or not sys.stdin.isatty():
        raise Unusable("Nobody can be asked here: look with --dry-run first, then say --yes.")
    show_replay(client.replay(order | {"dry_run": True, "limit": min(limit or LETTERS_A_CALL, LETTERS_A_CALL)}))
    return typer.confirm("Replay them all?" if limit is None else "Replay?", err=True)


def _replayed(client: OperatorClient, order: dict[str, object], limit: int | None) -> Replayed:
    """Call after call, until no letter is left or enough are done."""
    items: list[ReplayItem] = []
    fitting: int | None = None
    while True:
        wanted = LETTERS_A_CALL if limit is None else min(LETTERS_A_CALL, limit - len(items))
        page = client.replay(order if "ids" in order else order | {"limit": wanted})
        items += page.items
        fitting = page.fitting if fitting is None else fitting
        is_last = page.next_cursor is None or page.stopped is not None or len(items) == limit
        if is_last:
            return page.model_copy(update={"items": tuple(items), "fitting": fitting})
        remarks().print(f"{len(items)} of {fitting} letters", highlight=False)
        order = order | {"cursor": page.next_cursor}
