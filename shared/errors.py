"""Errors are instructions to whoever runs the step: what to do with the record in hand.

    Permanent       it will never work: record the failure, go on
    Transient       the other side's fault for now: try again later, counting attempts
    DependencyAway  our own part is away: count nothing, pause, try this very record again

Any other exception is a bug: the process ends, is restarted, and gets the record again.
"""


class Instruction(Exception):
    """Base of the three classes; `code` is stable and machine-readable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Permanent(Instruction):
    """It will never work, however often it is tried."""


class Transient(Instruction):
    """It may work later. `retry_after_seconds` is what the other side asked for, if it did.

    `defers` says that it only asks to be left alone for a while: then no attempt is counted.
    """

    def __init__(
        self, code: str, message: str, *, retry_after_seconds: float | None = None, defers: bool = False
    ) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds
        self.defers = defers


class DependencyAway(Exception):
    """A part of our own (Postgres, object storage, Kafka, the codec pool) does not answer; `part` names it."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part} is away: {reason}")
        self.part = part
        self.reason = reason
