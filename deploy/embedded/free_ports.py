"""Ports that nobody uses, outside the range from which the kernel serves outgoing connections.

Inside that range a port could be taken by some client's connection while its owner is being restarted.
"""

import random
import socket
from collections.abc import Collection
from pathlib import Path

from deploy.embedded.errors import PortTaken

LOOPBACK = "127.0.0.1"
LOWEST = 20000
HIGHEST = 65535
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_EPHEMERAL = (32768, 60999)
# SeaweedFS adds 10,000 to a port to make another one.
ROOM_ABOVE = 10000


def ephemeral_range() -> tuple[int, int]:
    """The first and last port that the kernel gives to outgoing connections."""
    try:
        first, last = EPHEMERAL.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return USUAL_EPHEMERAL
    return int(first), int(last)


def candidates() -> list[int]:
    """The ports to choose from."""
    first, last = ephemeral_range()
    stable = [port for port in range(LOWEST, HIGHEST - ROOM_ABOVE) if not first <= port <= last]
    return stable or list(range(LOWEST, HIGHEST - ROOM_ABOVE))


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(taken: Collection[int] = (), *, preferred: int | None = None) -> int:
    """A free port that is none of those taken: the preferred one if it is free."""
    if preferred is not None and preferred not in taken and is_free(preferred):
        return preferred
    ports = candidates()
    random.shuffle(ports)
    for port in ports:
        if port not in taken and is_free(port):
            return port
    raise PortTaken("No port of 127.0.0.1 is free. Stop some servers and try again.")


def required_port(port: int, purpose: str) -> int:
    """This port, or an error that says who needed it."""
    if is_free(port):
        return port
    raise PortTaken(f"Port {port} for {purpose} is in use. Stop what uses it, or leave out --fixed-ports.")
