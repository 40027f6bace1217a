"""Wiring of the aggregator: settings, adapters, handlers, run. The only reader of the environment."""

import sys

from services.aggregator.settings import AggregatorSettings
from services.aggregator.wiring import ROLES, SERVICE, run
from shared.service_command import run_service

DESCRIPTION = """Turns results of images into finished requests. Roles: `stream` records results and follows chunks
(scale it by consumer lag, alone in its process); `finisher` writes CSVs and publishes completions; `api`
answers users."""
# Faust shares its event loop with nobody, so that no CSV makes it miss a heartbeat.
ALONE = "stream"


if __name__ == "__main__":
    sys.exit(run_service(SERVICE, AggregatorSettings, run, description=DESCRIPTION, roles=sorted(ROLES), alone=ALONE))
