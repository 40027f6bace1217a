"""Lags are counted in records: the marks of transactions are none, whatever was not committed is."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.chaos.checker.kafka_reading import KafkaReading
from tests.stack import StackForTests

pytestmark = pytest.mark.stack


@pytest.fixture
def broker(stack: StackForTests) -> str:
    return stack.environment()["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture
def topic(broker: str) -> Iterator[str]:
    admin, name = AdminClient({"bootstrap.servers": broker}), f"lags-{uuid4()}"
    admin.create_topics([NewTopic(name, 1, 1)])[name].result()
    yield name
    admin.delete_topics([name])[name].result()


@pytest.fixture
def group(broker: str) -> Iterator[str]:
    # Kept: a client that is gone answers nothing.
    admin, name = AdminClient({"bootstrap.servers": broker}), f"pixelmill.test.{uuid4()}"
    yield name
    admin.delete_consumer_groups([name])[name].result()


def publish(broker: str, topic: str, *values: str, commit: bool = True) -> None:
    """All of them in one transaction."""
    producer = Producer({"bootstrap.servers": broker, "transactional.id": str(uuid4())})
    producer.init_transactions()
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    if commit:
        producer.commit_transaction()
    else:
        producer.flush()
        producer.abort_transaction()


def commit(broker: str, group: str, topic: str, offset: int) -> None:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    consumer.close()


def lags(broker: str, group: str) -> list[tuple[str, int]]:
    return [(lag.topic, lag.records) for lag in KafkaReading(broker).lags() if lag.group == group]


@pytest.mark.parametrize(("offset", "behind"), [(0, 2), (1, 1), (2, 0)])
def test_records_that_were_not_committed_are_the_lag(
    broker: str, topic: str, group: str, offset: int, behind: int
) -> None:
    publish(broker, topic, "one", "two")
    commit(broker, group, topic, offset)
    assert lags(broker, group) == [(topic, behind)]


def test_what_a_transaction_leaves_at_the_end_is_no_lag(broker: str, topic: str, group: str) -> None:
    publish(broker, topic, "one")
    publish(broker, topic, "taken back", commit=False)
    commit(broker, group, topic, 1)
    assert lags(broker, group) == [(topic, 0)]
