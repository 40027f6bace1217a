"""One GET to a server of this machine, without any client library: readiness probes must cost little."""

import asyncio

from deploy.embedded.free_ports import LOOPBACK

TIMEOUT_SECONDS = 2.0


async def status_of(port: int, path: str) -> int | None:
    """The status of the answer, None when there is no proper answer within two seconds."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _status_of(port, path)
    except (OSError, TimeoutError, ValueError, IndexError):
        return None


async def _status_of(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii"))
        await writer.drain()
        line = await reader.readline()
        return int(line.split()[1])
    finally:
        writer.close()
