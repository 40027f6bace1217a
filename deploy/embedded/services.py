"""Which processes the four services are, and how many of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Their addresses are known to users; the others are found by nobody but the supervisor.
PUBLIC_URLS = {
    "ingest": "INGEST_PUBLIC_URL",
    "aggregator": "AGGREGATOR_PUBLIC_URL",
    "notifier": "NOTIFIER_PUBLIC_URL",
}
MOST_PROCESSES = 64


@dataclass(frozen=True)
class Scale:
    """How many processes share the work of a consumer group."""

    processors: int = 1
    aggregators: int = 1


@dataclass(frozen=True)
class ServiceProgram:
    """One process of a service: its name in `ps`, its module and the roles it plays."""

    name: str
    module: str
    roles: Sequence[str] = ()

    @property
    def service(self) -> str:
        """The service that it is a process of: `processor-2` is one of `processor`."""
        return self.name.partition("-")[0]


ServiceList = Callable[[Scale], Sequence[ServiceProgram]]


def pixelmill_services(scale: Scale) -> list[ServiceProgram]:
    """All processes of Pixelmill. Roles that scale have processes of their own."""
    return [
        ServiceProgram("ingest", "services.ingest", ("api", "planner")),
        *(ServiceProgram(f"processor-{index}", "services.processor") for index in numbers(scale.processors)),
        *(
            ServiceProgram(f"aggregator-{index}", "services.aggregator", ("stream",))
            for index in numbers(scale.aggregators)
        ),
        ServiceProgram("aggregator", "services.aggregator", ("finisher", "api")),
        ServiceProgram("notifier", "services.notifier"),
    ]


def numbers(count: int) -> range:
    """From 1, as people count."""
    return range(1, count + 1)
