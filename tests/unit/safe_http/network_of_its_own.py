"""Run in a network namespace of its own: makes every address there is local, listens, and lets the safe client try.

Prints one JSON document: what a plain socket reached, what the client was told, and who was heard meanwhile.
"""

import asyncio
import fcntl
import json
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import Final
from urllib.parse import parse_qs, urlsplit

from shared.errors import Permanent, Transient
from shared.safe_http import FetchPolicy, SafeClient
from tests.unit.safe_http.address_table import (
    FORBIDDEN_NETWORKS,
    PUBLIC_ADDRESSES,
    SPELLINGS_OF_LOOPBACK,
    as_host,
    first_middle_and_last,
)
from tests.unit.safe_http.outside import SHOP_ADDRESS, Names

PORTS: Final = (80, 443)
PLAIN_SECONDS: Final = 10.0

# From Linux's <linux/sockios.h>, <linux/if.h>, <linux/netlink.h> and <linux/rtnetlink.h>.
SET_INTERFACE_FLAGS: Final = 0x8914
INTERFACE_UP_AND_RUNNING: Final = 0x41
NEW_ROUTE: Final = 24
REQUEST_ACK_CREATE: Final = 0x1 | 0x4 | 0x400
LOCAL_TABLE, SET_AT_BOOT, SCOPE_HOST, LOCAL_ROUTE, OUT_INTERFACE = 255, 3, 254, 2, 4
HEADER_BYTES: Final = 16


def make_all_addresses_local() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_INTERFACE_FLAGS, struct.pack("16sh22x", b"lo", INTERFACE_UP_AND_RUNNING))
    for family in (socket.AF_INET, socket.AF_INET6):
        _route_everything_to_this_machine(family)


def _route_everything_to_this_machine(family: int) -> None:
    route = struct.pack("=8BI", family, 0, 0, 0, LOCAL_TABLE, SET_AT_BOOT, SCOPE_HOST, LOCAL_ROUTE, 0)
    route += struct.pack("=HHI", 8, OUT_INTERFACE, socket.if_nametoindex("lo"))
    header = struct.pack("=IHHII", HEADER_BYTES + len(route), NEW_ROUTE, REQUEST_ACK_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(header + route)
        (failure,) = struct.unpack_from("=i", netlink.recv(4096), HEADER_BYTES)
    if failure:
        raise OSError(-failure, os.strerror(-failure))


class Ear:
    """Listens on all addresses, notes on which it was reached, and answers with a picture or a redirect."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def listen(self) -> None:
        for port in PORTS:
            listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
            await asyncio.start_server(self._answer, sock=listener)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(writer.get_extra_info("sockname")[0].removeprefix("::ffff:"))
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            target = parse_qs(urlsplit(request.split(b" ")[1]).query).get(b"to")
            status = b"302 Found\r\nLocation: " + target[0] if target else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
        except (asyncio.IncompleteReadError, IndexError):
            pass
        finally:
            writer.close()


def forbidden_addresses() -> Iterable[str]:
    samples = [first_middle_and_last(network) for network in FORBIDDEN_NETWORKS]
    return dict.fromkeys(address for sample in samples for address in (sample[0], sample[-1]))


async def is_reached_plainly(address: str) -> bool:
    """Say whether a socket without a gate is answered on an address."""
    try:
        async with asyncio.timeout(PLAIN_SECONDS):
            reader, writer = await asyncio.open_connection(address, 80)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            answer = await reader.read()
            writer.close()
    except OSError:
        return False
    return bool(answer)


def attempts(names: Names) -> Iterator[str]:
    """URLs that lead to each forbidden address: by literal, by name, mixed, by redirect, by rebinding."""
    for number, address in enumerate(forbidden_addresses()):
        literal, name = f"http://{as_host(address)}/", f"inside{number}.example"
        names.answer(name, [address])
        names.answer(f"mixed{number}.example", [SHOP_ADDRESS, address])
        names.answer(f"rebinding{number}.example", [SHOP_ADDRESS], [address])
        yield from (literal, f"http://{name}/", f"https://{name}/", f"http://mixed{number}.example/")
        yield from (f"http://shop.example/?to={literal}", f"http://shop.example/?to=https://{name}/")
        yield f"http://rebinding{number}.example/?to=http://rebinding{number}.example/"
    names.answer("localhost", ["127.0.0.1", "::1"])
    for host in SPELLINGS_OF_LOOPBACK:
        yield f"http://{host}/"


async def outcome(client: SafeClient, url: str) -> str:
    try:
        await client.fetch(url, bytearray().extend, max_bytes=10)
    except (Permanent, Transient) as error:
        return error.code
    return "fetched"


async def main() -> dict[str, object]:
    make_all_addresses_local()
    ear, names = Ear(), Names()
    await ear.listen()
    forbidden = forbidden_addresses()
    answers = await asyncio.gather(*(is_reached_plainly(address) for address in forbidden))
    reached = list(compress(forbidden, answers))
    ear.heard.clear()
    client = SafeClient(FetchPolicy(), lookup=names)
    outcomes = {url: await outcome(client, url) for url in attempts(names)}
    public = {address: await outcome(client, f"http://{as_host(address)}/") for address in PUBLIC_ADDRESSES}
    await client.close()
    return {"reached": reached, "outcomes": outcomes, "public": public, "heard": sorted({*ear.heard})}


if __name__ == "__main__":
    json.dump(asyncio.run(main()), sys.stdout)
