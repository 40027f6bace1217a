"""How often a consumer that nothing comes to asks its broker."""

from types import SimpleNamespace

from aiokafka.consumer.fetcher import Fetcher

from shared.kafka.pace import AWAKE_MS, QUIET_AFTER_SECONDS, QUIET_MS, Pace, set_fetching


class Client:
    def __init__(self) -> None:
        self._fetcher = SimpleNamespace()

    @property
    def longest_wait_ms(self) -> int:
        wait: int = self._fetcher._fetch_max_wait_ms
        return wait


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_asks_less_often_once_nothing_has_come_for_a_while() -> None:
    client, clock = Client(), Clock()
    pace = Pace(clock)
    pace.adjust(client, is_awake=False)
    assert client.longest_wait_ms == AWAKE_MS
    clock.now += QUIET_AFTER_SECONDS
    pace.adjust(client, is_awake=False)
    assert client.longest_wait_ms == QUIET_MS


def test_what_comes_wakes_it() -> None:
    client, clock = Client(), Clock()
    pace = Pace(clock)
    clock.now += QUIET_AFTER_SECONDS
    pace.adjust(client, is_awake=True)
    assert client.longest_wait_ms == AWAKE_MS
    clock.now += QUIET_AFTER_SECONDS / 2
    pace.adjust(client, is_awake=False)
    assert client.longest_wait_ms == AWAKE_MS


def test_what_is_set_is_what_the_client_puts_into_a_fetch() -> None:
    client = Client()
    set_fetching(client, longest_wait_ms=80, least_bytes=1000)
    assert vars(client._fetcher) == {"_fetch_max_wait_ms": 80, "_fetch_min_bytes": 1000}
    assert vars(client._fetcher).keys() <= set(Fetcher._get_actions_per_node.__code__.co_names)
