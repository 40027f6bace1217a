"""What can go wrong with the embedded stack. Each message tells the reader what to do."""


class StackError(Exception):
    """The embedded stack cannot go on."""


class HomeNotUsable(StackError):
    """The home folder cannot be used."""


class DiskFull(StackError):
    """The disk that holds the home folder is full."""


class JarRefused(StackError):
    """A jar of Kafka is not the one this project was tested with."""


class JarsNotResolved(StackError):
    """The jars of Kafka could not be downloaded."""


class PartNotStartable(StackError):
    """A part of the stack cannot be started on this machine."""


class PortTaken(StackError):
    """A port that was asked for is in use."""


class PartNotReady(StackError):
    """A part did not become ready in time."""
