"""Opens a Postgres session just far enough to see that the server takes clients now."""

import asyncio
import struct

from deploy.embedded.free_ports import LOOPBACK

TIMEOUT_SECONDS = 2.0
PROTOCOL = 3 << 16
WANTS_PASSWORD = b"R"


def startup_message(user: str) -> bytes:
    """The first message of a client."""
    body = struct.pack(">i", PROTOCOL) + b"user\0" + user.encode("ascii") + b"\0\0"
    return struct.pack(">i", len(body) + 4) + body


async def takes_clients(port: int, user: str) -> bool:
    """Whether the server asks for a password. While it starts, recovers or stops, it answers with an error."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _first_byte(port, user) == WANTS_PASSWORD
    except (OSError, TimeoutError):
        return False


async def _first_byte(port: int, user: str) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(startup_message(user))
        await writer.drain()
        return await reader.read(1)
    finally:
        writer.close()
