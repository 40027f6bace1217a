"""Which chunks an event releases."""

from shared.events import ChunkAdvanced, ChunkCompleted
from shared.request_files import RequestFile


def first_chunks(request: RequestFile) -> range:
    """The chunks that the acceptance releases: one window of them."""
    return range(min(request.window, request.chunks_total))


def chunks_after(event: ChunkAdvanced | ChunkCompleted) -> range:
    """The chunk one window after the one that advanced, if there is such a chunk."""
    following = event.chunk + event.window
    return range(following, min(following + 1, event.chunks_total))
