"""`python -m deploy.embedded --home FOLDER`: supervises one stack in the foreground. `pixelmill up` starts it."""

import argparse
import asyncio
import importlib
import logging
import os
import sys
from pathlib import Path

from deploy.embedded.free_ports import PortReservations
from deploy.embedded.home import Home
from deploy.embedded.home_lock import holding, supervisor_lock
from deploy.embedded.leftovers import stop_leftovers
from deploy.embedded.services import ServiceList
from deploy.embedded.supervisor import Plan, Supervisor

DEFAULT_SERVICES = "deploy.embedded.services:pixelmill_services"
DEFAULT_PREPARATION = "deploy.prepare"


def parse_arguments() -> argparse.Namespace:
    """What `up` says."""
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the stack")
    parser.add_argument("--fixed-ports", action="store_true", help="insist on the standard ports")
    parser.add_argument("--services", default=DEFAULT_SERVICES, help="module:function that lists the services")
    parser.add_argument("--prepare", default=DEFAULT_PREPARATION, help="module that prepares the parts")
    return parser.parse_args()


def load_services(name: str) -> ServiceList:
    """The function that lists the services, from its module."""
    module, _, function = name.partition(":")
    services: ServiceList = getattr(importlib.import_module(module), function)
    return services


async def supervise(plan: Plan) -> bool:
    """Run the supervisor with ports of its own."""
    with PortReservations() as reservations:
        return await Supervisor(plan, reservations).run()


def main() -> int:
    """Supervise, unless somebody else supervises this home already."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    arguments = parse_arguments()
    home = Home(arguments.home.absolute())
    home.create()
    with holding(supervisor_lock(home), wait=False) as ours:
        if not ours:
            logging.getLogger(__name__).error("Another supervisor runs in %s", home.path)
            return 1
        stop_leftovers(home)
        plan = Plan(
            home=home,
            environment=dict(os.environ),
            services=load_services(arguments.services),
            prepare_module=arguments.prepare,
            fixed_ports=arguments.fixed_ports,
        )
        return 0 if asyncio.run(supervise(plan)) else 1


if __name__ == "__main__":
    sys.exit(main())
