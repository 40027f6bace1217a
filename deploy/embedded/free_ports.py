"""Ports that nobody uses, outside the range from which the kernel serves outgoing connections.

Inside that range a port could be taken by some client's connection while its owner is being restarted.
"""

import random
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.embedded.errors import PortTaken

LOOPBACK = "127.0.0.1"
LOWEST = 20000
HIGHEST = 65535
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_EPHEMERAL = (32768, 60999)


def ephemeral_range() -> tuple[int, int]:
    """The first and last port that the kernel gives to outgoing connections."""
    try:
        first, last = EPHEMERAL.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return USUAL_EPHEMERAL
    return int(first), int(last)


def candidates() -> list[int]:
    """The ports to choose from, in random order."""
    first, last = ephemeral_range()
    stable = [port for port in range(LOWEST, HIGHEST) if not first <= port <= last]
    return random.sample(stable, len(stable)) or list(range(LOWEST, HIGHEST))


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class PortReservations:
    """Ports that one stack holds, also while nothing listens on them yet or again.

    A reservation is a socket with an abstract name: all stacks of the machine see it, whoever runs them, and it
    is gone with its process.
    """

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, port: int) -> bool:
        """Hold this port. False when a server listens there or another stack holds it."""
        if port in self._held or not is_free(port):
            return False
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            holder.bind(f"\0pixelmill-port-{port}")
        except OSError:
            holder.close()
            return False
        self._held[port] = holder
        return True

    def take_any(self, *preferred: int | None) -> int:
        """Hold the first of the preferred ports that can be had, else any."""
        wanted = [port for port in preferred if port is not None]
        for port in [*wanted, *candidates()]:
            if self.take(port):
                return port
        raise PortTaken("No port of 127.0.0.1 is free. Stop some servers and try again.")

    def take_this(self, port: int, purpose: str) -> int:
        """Hold exactly this port."""
        if not self.take(port):
            raise PortTaken(f"Port {port} for {purpose} is in use. Stop what uses it, or leave out --fixed-ports.")
        return port

    def close(self) -> None:
        """Hold nothing any more."""
        for holder in self._held.values():
            holder.close()
        self._held.clear()
