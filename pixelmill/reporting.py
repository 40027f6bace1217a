"""How a command ends when it does not end well: one plain message, and the exit code that scripts rely on."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, NoReturn

import typer
from rich.markup import escape

from pixelmill.api_answers import Problem, Status
from pixelmill.api_refusals import Refused, ServerUnreachable
from pixelmill.display import remarks, show_json, show_problem
from pixelmill.exit_codes import ExitCode
from pixelmill.server_addresses import InvalidAddress, NoServerKnown

_INVALID_CSV: Final = "invalid-csv"
_API_KEY: Final = "Set PIXELMILL_API_KEY to a key of this server; operators make them with `pixelmill keys create`."
_OPERATOR_KEY: Final = "Set PIXELMILL_OPERATOR_KEY to the OPERATOR_KEY of this server."
_REMEDIES: Final = {
    "key-required": _API_KEY,
    "key-invalid": _API_KEY,
    "owner-key-required": _API_KEY,
    "operator-key-required": _OPERATOR_KEY,
}


class Unusable(Exception):
    """Something on the command line cannot be used; the message says what and why."""


@contextmanager
def reporting(*, as_json: bool) -> Iterator[None]:
    """Turn everything that is known to go wrong into a message and an exit code."""
    try:
        yield
    except Refused as refused:
        _refuse(refused.problem, as_json=as_json)
    except (ServerUnreachable, NoServerKnown) as away:
        _complain(str(away), ExitCode.SERVER_UNREACHABLE, as_json=as_json)
    except (Unusable, InvalidAddress) as wrong:
        _complain(str(wrong), ExitCode.USAGE, as_json=as_json)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}", ExitCode.ERROR, as_json=as_json)
    except KeyboardInterrupt:
        _complain("Stopped.", ExitCode.INTERRUPTED, as_json=False)


def is_csv_refusal(problem: Problem) -> bool:
    """Whether it is the CSV that was refused, not an option or the caller."""
    if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return True
    return problem.status == HTTPStatus.UNPROCESSABLE_ENTITY and problem.type.endswith(_INVALID_CSV)


def exit_code(status: Status) -> ExitCode:
    """What became of a request, as an exit code; a request that still runs is no failure."""
    if not status.has_ended or status.is_spotless:
        return ExitCode.OK
    return ExitCode.FAILED_IMAGES if status.state == "completed" else ExitCode.NOT_COMPLETED


def _with_remedy(problem: Problem) -> Problem:
    """What servers say of keys, and which variable of this command is meant."""
    remedy = _REMEDIES.get(problem.type.rpartition(":")[2])
    return problem if remedy is None else problem.model_copy(update={"detail": f"{problem.detail} {remedy}"})


def _refuse(problem: Problem, *, as_json: bool) -> NoReturn:
    problem = _with_remedy(problem)
    if as_json:
        show_json(problem)
    else:
        show_problem(problem)
    raise typer.Exit(ExitCode.CSV_REFUSED if is_csv_refusal(problem) else ExitCode.ERROR)


def _complain(message: str, code: ExitCode, *, as_json: bool) -> NoReturn:
    if as_json:
        show_json(Problem(title="Not done", detail=message))
    else:
        remarks().print(f"[bold red]ERROR[/] {escape(message)}")
    raise typer.Exit(code)
