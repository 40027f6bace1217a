"""All processes of Pixelmill, with processors that copy pictures instead of compressing them."""

from dataclasses import replace

from deploy.embedded.services import Scale, ServiceProgram, pixelmill_services

REAL = "services.processor"
COPYING = "bench.copying_processor"


def copying_services(scale: Scale) -> list[ServiceProgram]:
    """The list for the supervisor."""
    return [
        replace(program, module=COPYING) if program.module == REAL else program for program in pixelmill_services(scale)
    ]
