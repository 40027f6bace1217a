"""Entry of a codec process: `python -m services.processor.codec SOCKET PARENT_PID MEMORY_BYTES`, for parents only."""

import socket
import sys

from services.processor.codec.child import serve

if __name__ == "__main__":
    number, parent_pid, memory_bytes = map(int, sys.argv[1:])
    with socket.socket(fileno=number) as channel:
        serve(channel, parent_pid, memory_bytes)
