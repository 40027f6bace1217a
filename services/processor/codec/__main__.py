"""Entry of a codec process: `python -m services.processor.codec MEMORY_BYTES SOCKET PARENT_PID`, for parents only."""

import socket
import sys

from services.processor.codec.child import serve

if __name__ == "__main__":
    memory_bytes, number, parent_pid = map(int, sys.argv[1:])
    with socket.socket(fileno=number) as channel:
        serve(channel, parent_pid, memory_bytes)
