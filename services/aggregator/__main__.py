"""Wiring of the aggregator: settings, adapters, handlers, run. The only reader of the environment."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from services.aggregator.settings import AggregatorSettings
from services.aggregator.wiring import ROLES, run
from shared.process import run_process

NAME = "aggregator"
USAGE_ERROR = 2
DESCRIPTION = """Turns results of images into finished requests. Roles: `stream` records results and follows chunks
(scale it by consumer lag, alone in its process); `finisher` writes CSVs and publishes completions; `api`
answers users."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m services.aggregator", description=DESCRIPTION)
    parser.add_argument("roles", nargs="+", choices=sorted(ROLES), metavar="ROLE", help=", ".join(sorted(ROLES)))
    roles = frozenset(parser.parse_args(arguments).roles)
    if "stream" in roles and len(roles) > 1:
        parser.error("the role `stream` needs a process of its own")
    try:
        settings = AggregatorSettings()  # type: ignore[call-arg]  # the environment fills it
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{NAME}: {name}: {problem['msg']}", file=sys.stderr)  # noqa: T201 - before there is a log
        return USAGE_ERROR

    async def until(stop: asyncio.Event) -> None:
        await run(roles, settings, stop)

    return run_process(until, name=f"{NAME}-{'-'.join(sorted(roles))}", log_level=settings.log_level)


if __name__ == "__main__":
    sys.exit(main())
