"""Asks a Kafka broker for its metadata with a hand-made request: the cheapest proof that it serves clients."""

import asyncio
import struct

from deploy.embedded.free_ports import LOOPBACK

TIMEOUT_SECONDS = 2.0
METADATA = 3
VERSION = 1
CORRELATION = 7
CLIENT = b"pixelmill"
NO_TOPICS = 0


def metadata_request() -> bytes:
    """Metadata request, version 1, for no topic: only the brokers."""
    header = struct.pack(">hhih", METADATA, VERSION, CORRELATION, len(CLIENT)) + CLIENT
    body = header + struct.pack(">i", NO_TOPICS)
    return struct.pack(">i", len(body)) + body


async def serves_clients(port: int) -> bool:
    """Whether a broker on this port answers and has itself in the list of brokers."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _count_brokers(port) > 0
    except (OSError, TimeoutError, EOFError, struct.error):
        return False


async def _count_brokers(port: int) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(metadata_request())
        await writer.drain()
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        answer = await reader.readexactly(size)
        correlation, brokers = struct.unpack_from(">ii", answer)
        return int(brokers) if correlation == CORRELATION else 0
    finally:
        writer.close()
