"""Entry of the processor: the only reader of the environment."""

import sys

from services.processor.settings import ProcessorSettings
from services.processor.wiring import NAME, run
from shared.service_command import run_service

DESCRIPTION = "Fetches images, makes their renditions and stores them. It has one role, so no argument is needed."

if __name__ == "__main__":
    sys.exit(run_service(NAME, ProcessorSettings, run, description=DESCRIPTION))
