"""`python -m services.<name> [role ...]`: the command line, the settings and the exit codes that services share."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from shared.process import run_process
from shared.settings import ProcessSettings

S = TypeVar("S", bound=ProcessSettings)
Run = Callable[[S, frozenset[str], asyncio.Event], Awaitable[None]]

USAGE_ERROR = 2


def run_service(
    name: str,
    settings_model: type[S],
    run: Run[S],
    *,
    description: str,
    roles: Sequence[str] = (),
    alone: str | None = None,
) -> int:
    """Read arguments and environment, run until stopped, and return the exit code.

    The role `alone`, if there is one, shares its process with no other.
    0: stopped as asked; 1: a role failed; 2: the arguments or the settings are wrong, each said in one line.
    """
    chosen = _chosen_roles(name, description, roles, alone=alone)
    try:
        settings = settings_model()
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            setting = "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {setting}: {problem['msg']}", file=sys.stderr)  # noqa: T201 - before there is a log
        return USAGE_ERROR
    process = "-".join([name, *sorted(chosen)])
    return run_process(lambda stop: run(settings, chosen, stop), name=process, log_level=settings.log_level)


def _chosen_roles(name: str, description: str, roles: Sequence[str], *, alone: str | None) -> frozenset[str]:
    parser = argparse.ArgumentParser(prog=f"python -m services.{name}", description=description)
    if roles:
        parser.add_argument(
            "roles", nargs="+", choices=roles, metavar="role", help=f"one or more of: {', '.join(roles)}"
        )
    chosen = frozenset(getattr(parser.parse_args(), "roles", ()))
    if alone in chosen and len(chosen) > 1:
        parser.error(f"the role `{alone}` needs a process of its own")
    return chosen
