"""Ids as they stand in paths."""

from uuid import UUID


def uuid_or_none(text: str) -> str | None:
    """An id in the one form in which ids are kept; None for what cannot be one."""
    try:
        return str(UUID(text))
    except ValueError:
        return None
