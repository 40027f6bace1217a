"""Which source hosts are left alone for now, and until when.

Two reasons: a host asked for it, or its circuit is open. A host that asks with `Retry-After` is left alone until then;
without, for a short time that doubles whenever it asks again, up to a bound, until it answers otherwise.

A circuit opens when a host has failed in a row, with no other answer in between, both often and for some time. In most
catalogues all pictures are on one host, and some of its URLs fail while others work: any answer in between (a picture,
a 404, a 429) ends the row, so these never open it. A share of failures would need many answers to be sure, and would
still mix both up. The time it must last is longer than the first retries take, so that a host which fails twice for
each URL has given its first picture by then; and it is shorter than all retries, so that images of a host that has gone
keep their last attempt for its return.

An open circuit lets one image ask when its time is over. Each such failure doubles the time, up to a bound; the first
answer closes it. An image that comes meanwhile is deferred by the longest tier that this time holds, and not by what is
left of it: that would be many short tiers, a record in each. So images wait at most twice that bound longer than the
host does.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from shared.errors import Permanent, Transient
from shared.topics import IMAGES_RETRY

_HOSTS_FAULT: Final = frozenset({"connect_error", "dns_error", "tls_error", "timeout", "http_5xx"})
# Judged before anybody is asked.
_NOT_ASKED: Final = frozenset({"invalid_url", "blocked_address", "blocked_port"})
_OPEN: Final = "The server has failed again and again, so it is left alone for a while."
_QUIET: Final = "The server has asked to be left alone for a while."
_TIERS: Final = tuple(tier.delay.total_seconds() for tier in IMAGES_RETRY)


class LeftAlone(Transient):
    """The host was not asked. It defers."""

    def __init__(self, code: str, message: str, *, seconds: float) -> None:
        super().__init__(code, message, retry_after_seconds=seconds, defers=True)


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Times are in seconds. `hosts` bounds how many are remembered; the one that was asked longest ago is forgotten."""

    failures: int = 10
    failing_seconds: float = 5.0
    forgotten_seconds: float = 60.0
    first_open_seconds: float = 1.0
    longest_open_seconds: float = 30.0
    first_quiet_seconds: float = 1.0
    longest_unnamed_quiet_seconds: float = 30.0
    longest_quiet_seconds: float = 3600.0
    hosts: int = 4096


class Verdict(Enum):
    """What an asking said about the host, whatever it said about the picture."""

    ANSWERED = auto()
    FAILED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Asking:
    """The right to ask a host once, from the moment `began`."""

    host: str
    began: float
    is_probe: bool = False


@dataclass(slots=True)
class _Host:
    quiet_until: float = 0.0
    quiet_seconds: float = 0.0
    refused_at: float = 0.0
    failures: int = 0
    failing_since: float = 0.0
    failed_at: float = 0.0
    open_seconds: float = 0.0
    open_until: float = 0.0
    is_probed: bool = False
    code: str = "http_5xx"

    @property
    def is_open(self) -> bool:
        return self.open_seconds > 0


def verdict_of(error: Permanent | Transient) -> Verdict:
    """Say whether a failure is the host's. One that only wants to be left alone works."""
    if error.code in _NOT_ASKED:
        return Verdict.UNKNOWN
    is_hosts = isinstance(error, Transient) and not error.defers and error.code in _HOSTS_FAULT
    return Verdict.FAILED if is_hosts else Verdict.ANSWERED


class HostPolicy:
    """Remembers hosts. All times are given, in seconds of one clock."""

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    def ask(self, host: str, now: float) -> Asking:
        """Allow to ask `host`, or raise `LeftAlone` until it may be worth it."""
        known = self._known(host)
        if now < known.quiet_until:
            wait = max(known.quiet_until - now, _in_one_tier(known.quiet_seconds))
            raise LeftAlone(known.code, _QUIET, seconds=wait)
        if not known.is_open:
            return Asking(host, now)
        if now < known.open_until or known.is_probed:
            raise LeftAlone(known.code, _OPEN, seconds=_in_one_tier(known.open_seconds))
        known.is_probed = True
        return Asking(host, now, is_probe=True)

    def ended(
        self, asking: Asking, verdict: Verdict, now: float, *, error: Permanent | Transient | None = None
    ) -> None:
        """Learn from an asking. Each one that was allowed must end, whatever became of it."""
        known = self._known(asking.host)
        if asking.is_probe:
            known.is_probed = False
        if verdict is Verdict.ANSWERED:
            known.failures, known.open_seconds = 0, 0.0
            if isinstance(error, Transient) and error.defers:
                self._refused(known, asking, error, now)
            else:
                known.quiet_seconds = 0.0
        elif verdict is Verdict.FAILED:
            known.code = error.code if error is not None else known.code
            self._failed(known, asking, now)

    def _failed(self, known: _Host, asking: Asking, now: float) -> None:
        if known.is_open:
            if asking.is_probe:
                self._open(known, min(2 * known.open_seconds, self._limits.longest_open_seconds), now)
            return
        if known.failures == 0 or now - known.failed_at > self._limits.forgotten_seconds:
            known.failures, known.failing_since = 0, asking.began
        known.failures += 1
        known.failed_at = now
        known.failing_since = min(known.failing_since, asking.began)
        if known.failures >= self._limits.failures and now - known.failing_since >= self._limits.failing_seconds:
            self._open(known, self._limits.first_open_seconds, now)

    @staticmethod
    def _open(known: _Host, seconds: float, now: float) -> None:
        known.open_seconds, known.open_until = seconds, now + seconds

    def _refused(self, known: _Host, asking: Asking, refusal: Transient, now: float) -> None:
        if refusal.retry_after_seconds is not None:
            quiet = min(refusal.retry_after_seconds, self._limits.longest_quiet_seconds)
        elif asking.began < known.refused_at:
            # It was asked before the host was left alone: many in flight are refused at once.
            return
        else:
            doubled = max(2 * known.quiet_seconds, self._limits.first_quiet_seconds)
            quiet = known.quiet_seconds = min(doubled, self._limits.longest_unnamed_quiet_seconds)
        known.code, known.refused_at = refusal.code, now
        known.quiet_until = max(known.quiet_until, now + quiet)

    def _known(self, host: str) -> _Host:
        known = self._hosts.setdefault(host, _Host())
        self._hosts.move_to_end(host)
        if len(self._hosts) > self._limits.hosts:
            self._hosts.popitem(last=False)
        return known


def _in_one_tier(seconds: float) -> float:
    return max((delay for delay in _TIERS if delay <= seconds), default=seconds)
