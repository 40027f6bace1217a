"""When undecodable records are too many: that is a bad deploy, not bad data."""

from collections import deque


class TooManyUndecodable(Exception):
    """Too large a share of the latest records cannot be decoded. Check that readers and writers are of versions that
    fit together, then start again; the records that were set aside are in `undecodable.dlt`."""

    def __init__(self, undecodable: int, of: int) -> None:
        super().__init__(f"{undecodable} of the latest {of} records cannot be decoded. {self.__doc__}")


class UndecodableShare:
    """Watches the share of undecodable records among the latest `window` ones."""

    def __init__(self, *, window: int = 200, minimum: int = 50, limit: float = 0.5) -> None:
        self._latest: deque[bool] = deque(maxlen=window)
        self._minimum = minimum
        self._limit = limit

    def decoded(self) -> None:
        self._latest.append(False)

    def undecodable(self) -> None:
        """Raise `TooManyUndecodable` when the share passes the limit."""
        self._latest.append(True)
        bad = sum(self._latest)
        if bad >= self._minimum and bad > self._limit * len(self._latest):
            raise TooManyUndecodable(bad, len(self._latest))
