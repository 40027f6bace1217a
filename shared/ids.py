"""Identifiers that appear in events, tables, object keys and URLs."""

from typing import NewType
from uuid import UUID, uuid5

RequestId = NewType("RequestId", str)
Owner = NewType("Owner", str)

LOCAL_OWNER = Owner("local")

_EVENT_NAMESPACE = UUID("5b0a8f2e-0a53-5d1f-9a43-6d5f0c9b7f11")


def image_id(request_id: RequestId, index: int) -> str:
    """Name one image: the request and the image's place in it, from 0."""
    return f"{request_id}:{index}"


def chunk_key(request_id: RequestId, chunk: int) -> str:
    """Name one chunk; the record key of `images.processed` and the key of the Faust table."""
    return f"{request_id}:{chunk}"


def event_id(event_type: str, identity: str) -> str:
    """Derive a CloudEvents id from what the event says, so that a replay carries the same id."""
    return str(uuid5(_EVENT_NAMESPACE, f"{event_type}|{identity}"))
