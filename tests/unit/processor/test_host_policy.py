"""Which hosts are left alone, why, and when they are asked again."""

from dataclasses import replace

import pytest

from services.processor.domain.host_policy import Asking, HostLimits, HostPolicy, LeftAlone, Verdict, verdict_of
from shared.errors import Permanent, Transient

HOST = "http://shop.example"
OTHER = "http://other.example"
LIMITS = HostLimits(failures=3, failing_seconds=5, first_open_seconds=1, longest_open_seconds=4)

DOWN = Transient("connect_error", "Refused.")
ERROR = Transient("http_5xx", "500.")
MISSING = Permanent("http_404", "404.")


def busy(seconds: float | None) -> Transient:
    return Transient("http_429", "Busy.", retry_after_seconds=seconds, defers=True)


class Shop:
    """A policy and a clock."""

    def __init__(self, limits: HostLimits = LIMITS) -> None:
        self.policy = HostPolicy(limits)
        self.now = 100.0

    def asks(self, host: str = HOST) -> Asking:
        return self.policy.ask(host, self.now)

    def gets(self, error: Permanent | Transient | None, host: str = HOST) -> None:
        """Ask and get an answer at once."""
        self.ends(self.asks(host), error)

    def ends(self, asking: Asking, error: Permanent | Transient | None) -> None:
        verdict = Verdict.ANSWERED if error is None else verdict_of(error)
        self.policy.ended(asking, verdict, self.now, error=error)

    def opens(self, error: Transient = DOWN) -> None:
        for _ in range(LIMITS.failures - 1):
            self.gets(error)
        self.now += LIMITS.failing_seconds
        self.gets(error)

    def waits(self, host: str = HOST) -> float:
        """How long the host is left alone; 0 when it may be asked."""
        try:
            asking = self.asks(host)
        except LeftAlone as later:
            return later.retry_after_seconds or 0.0
        self.policy.ended(asking, Verdict.UNKNOWN, self.now)
        return 0.0


@pytest.mark.parametrize("error", [DOWN, ERROR, Transient("timeout", "Slow."), Transient("dns_error", "No such host.")])
def test_a_host_that_fails_often_and_for_a_while_is_left_alone(error: Transient) -> None:
    shop = Shop()
    shop.opens(error)
    with pytest.raises(Transient) as raised:
        shop.asks()
    assert (raised.value.code, raised.value.defers, raised.value.retry_after_seconds) == (error.code, True, 1.0)


def test_other_hosts_are_asked_all_the_same() -> None:
    shop = Shop()
    shop.opens()
    assert shop.waits(OTHER) == 0


def test_many_failures_in_a_moment_open_nothing_yet() -> None:
    shop = Shop()
    for _ in range(50):
        shop.gets(ERROR)
        shop.now += 0.05
    assert shop.waits() == 0


def test_slow_failures_count_from_their_beginning() -> None:
    shop = Shop()
    asked = [shop.asks() for _ in range(3)]
    shop.now += 30
    for asking in asked:
        shop.ends(asking, Transient("timeout", "Slow."))
    assert shop.waits() == 1.0


@pytest.mark.parametrize("answer", [None, MISSING, busy(0), Transient("truncated", "Half.")])
def test_one_answer_among_failures_opens_nothing(answer: Permanent | Transient | None) -> None:
    shop = Shop()
    for _ in range(40):
        shop.gets(ERROR)
        shop.gets(ERROR)
        shop.now += 3
        shop.gets(answer)
    assert shop.waits() == 0


def test_failures_of_long_ago_are_forgotten() -> None:
    shop = Shop()
    for _ in range(20):
        shop.gets(DOWN)
        shop.now += LIMITS.forgotten_seconds + 1
    assert shop.waits() == 0


def test_a_host_that_fails_twice_for_each_url_and_answers_then_is_never_left_alone() -> None:
    shop = Shop(HostLimits())
    due = [(shop.now + number / 20, 0) for number in range(400)]
    while due:
        due.sort()
        moment, made = due.pop(0)
        shop.now = max(shop.now, moment)
        shop.gets(ERROR if made < 2 else None)
        if made < 2:
            due.append((shop.now + (1, 2)[made], made + 1))


def test_one_image_at_a_time_asks_whether_the_host_is_back() -> None:
    shop = Shop()
    shop.opens()
    shop.now += 1
    probe = shop.asks()
    assert probe.is_probe
    assert shop.waits() == 1.0
    shop.ends(probe, None)
    assert shop.waits() == 0
    assert not shop.asks().is_probe


def test_each_failed_probe_doubles_the_time_up_to_a_bound() -> None:
    shop = Shop()
    shop.opens()
    waits = []
    for _ in range(4):
        waits.append(shop.waits())
        shop.now += waits[-1]
        shop.gets(DOWN)
    assert waits == [1, 2, 4, 4]


def test_a_probe_that_is_dropped_leaves_its_place_to_the_next() -> None:
    shop = Shop()
    shop.opens()
    shop.now += 1
    shop.policy.ended(shop.asks(), Verdict.UNKNOWN, shop.now)
    assert shop.asks().is_probe


def test_any_answer_of_a_probe_closes_the_circuit() -> None:
    shop = Shop()
    shop.opens()
    shop.now += 1
    shop.gets(MISSING)
    assert shop.waits() == 0


def test_late_failures_of_earlier_askings_change_nothing_once_it_is_open() -> None:
    shop = Shop()
    late = [shop.asks() for _ in range(5)]
    shop.opens()
    for asking in late:
        shop.ends(asking, DOWN)
    assert shop.waits() == 1.0


def test_a_late_answer_of_an_earlier_asking_closes_it() -> None:
    shop = Shop()
    late = shop.asks()
    shop.opens()
    shop.ends(late, None)
    assert shop.waits() == 0


def test_a_host_that_names_a_time_is_left_alone_until_then() -> None:
    shop = Shop()
    shop.gets(busy(20))
    with pytest.raises(Transient) as raised:
        shop.asks()
    assert (raised.value.code, raised.value.retry_after_seconds) == ("http_429", 20.0)
    shop.now += 20
    assert shop.waits() == 0


def test_a_shorter_time_does_not_replace_a_longer_one() -> None:
    shop = Shop()
    first, second = shop.asks(), shop.asks()
    shop.ends(first, busy(20))
    shop.ends(second, busy(3))
    assert shop.waits() == 20.0


def test_an_absurd_time_is_cut() -> None:
    shop = Shop()
    shop.gets(busy(1e9))
    assert shop.waits() == LIMITS.longest_quiet_seconds


@pytest.mark.parametrize(("bound", "waits"), [(30, 30), (45, 30), (10, 4), (4, 4), (2.5, 2)])
def test_while_a_circuit_is_open_at_its_bound_each_wait_is_one_tier(bound: float, waits: float) -> None:
    shop = Shop(replace(LIMITS, longest_open_seconds=bound))
    shop.opens()
    for _ in range(7):
        shop.now += 64
        shop.gets(DOWN)
    shop.now += bound - 0.5
    assert shop.waits() == waits
    shop.now += 0.5
    shop.asks()
    assert shop.waits() == waits, "while one image asks"


def test_a_host_that_names_no_time_is_left_alone_for_longer_each_time() -> None:
    shop = Shop()
    waits = []
    for _ in range(7):
        shop.gets(busy(None))
        waits.append(shop.waits())
        shop.now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_while_a_host_that_names_no_time_is_left_alone_for_long_each_wait_is_one_tier() -> None:
    shop = Shop()
    for _ in range(7):
        shop.now += 64
        shop.gets(busy(None))
    shop.now += 20
    assert shop.waits() == 30
    shop.now += 10
    assert shop.waits() == 0


def test_many_that_are_refused_at_once_count_as_one() -> None:
    shop = Shop()
    for asking in [shop.asks() for _ in range(16)]:
        shop.now += 0.01
        shop.ends(asking, busy(None))
    shop.now += 1
    assert shop.waits() == 0
    shop.gets(busy(None))
    assert shop.waits() == 2


@pytest.mark.parametrize("answer", [None, MISSING])
def test_an_answer_that_is_no_refusal_makes_the_next_wait_short_again(answer: Permanent | None) -> None:
    shop = Shop()
    for _ in range(5):
        shop.now += 64
        shop.gets(busy(None))
    shop.now += 64
    shop.gets(answer)
    shop.gets(busy(None))
    assert shop.waits() == 1


@pytest.mark.parametrize("code", ["invalid_url", "blocked_address", "blocked_port"])
def test_what_was_refused_before_anybody_was_asked_says_nothing_of_the_host(code: str) -> None:
    assert verdict_of(Permanent(code, "No.")) is Verdict.UNKNOWN


def test_the_host_that_was_asked_longest_ago_is_forgotten() -> None:
    shop = Shop(HostLimits(hosts=2))
    shop.gets(busy(50))
    shop.gets(None, OTHER)
    assert shop.waits() == 50.0
    shop.gets(None, "http://third.example")
    assert shop.waits() == 50.0
    shop.gets(None, OTHER)
    shop.gets(None, "http://third.example")
    assert shop.waits() == 0
