"""Which ports one stack uses: those it had before where they are free, else free ones; or the standard ones."""

from collections.abc import Iterable, Mapping

from deploy.embedded.free_ports import PortReservations
from deploy.embedded.object_storage import port_names

# Where each part or service listens when standard ports are asked for. Ports that only the S3 server itself uses, and
# those of further processors and aggregators, stay free ones.
STANDARD = {
    "kafka": 9092,
    "kafka.controller": 9093,
    "postgres": 5432,
    "s3": 8333,
    "ingest": 8081,
    "aggregator": 8082,
    "notifier": 8083,
}
# Users know these, so they are taken whenever they are free.
FAMILIAR = {name: STANDARD[name] for name in ("ingest", "aggregator", "notifier")}

KAFKA_PORTS = ("kafka", "kafka.controller")
POSTGRES_PORTS = ("postgres",)
S3_PORTS = tuple(port_names())


def choose_ports(
    names: Iterable[str], reservations: PortReservations, known: Mapping[str, int], *, fixed: bool = False
) -> dict[str, int]:
    """A port for each name. `known` are the ports of an earlier start; `fixed` insists on the standard ones."""
    chosen: dict[str, int] = {}
    for name in names:
        if fixed and name in STANDARD:
            chosen[name] = reservations.take_this(STANDARD[name], name)
        else:
            chosen[name] = reservations.take_any(FAMILIAR.get(name), known.get(name))
    return chosen
