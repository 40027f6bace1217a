"""Which adapters and handlers the dead letters are made of."""

from collections.abc import Callable, Mapping
from datetime import datetime

from fastapi import APIRouter

from services.aggregator.adapters.postgres_dead_letters import PostgresDeadLetters
from services.aggregator.api.dead_letters import dead_letters_router
from services.aggregator.dead_letter_replays import replays, topics_to_return_to
from services.aggregator.dead_letter_retention import DeadLetterRetention
from services.aggregator.domain.dead_letter import DEAD_LETTER_TOPICS, DeadLetterKind
from services.aggregator.on_dead_letter import OnDeadLetter
from services.aggregator.replay_dead_letters import ReplayDeadLetters
from shared.http.callers import Operators
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer, Handling
from shared.kafka.producer import EventProducer
from shared.kafka.records import Record
from shared.kafka.source import kafka_records
from shared.postgres import Database
from shared.process import Role

IN_FLIGHT = 4


def dead_letter_roles(
    connection: KafkaConnection, producer: EventProducer, database: Database, *, now: Callable[[], datetime]
) -> tuple[Role, ...]:
    """What writes dead letters down, and forgets them in time."""
    rows = PostgresDeadLetters(database, _kinds(connection))
    source = kafka_records(
        connection, group=connection.group("aggregator", "dead-letters"), topics=list(DEAD_LETTER_TOPICS.values())
    )
    recorder = Consumer(
        source,
        handlers={Record: OnDeadLetter(rows, _kinds(connection))},
        dead_letters=producer,
        handling=Handling(in_flight=IN_FLIGHT),
    )
    return (recorder.run, DeadLetterRetention(rows, now=now).run)


def dead_letter_router(
    connection: KafkaConnection,
    producer: EventProducer,
    database: Database,
    *,
    source: str,
    now: Callable[[], datetime],
    operators: Operators,
) -> APIRouter:
    """What operators ask."""
    rows = PostgresDeadLetters(database, _kinds(connection))
    ways = replays(producer, topics_to_return_to(connection.topic), source=source, now=now)
    return dead_letters_router(rows, ReplayDeadLetters(rows, ways, now=now), operators=operators)


def _kinds(connection: KafkaConnection) -> Mapping[str, DeadLetterKind]:
    return {connection.topic(topic): kind for kind, topic in DEAD_LETTER_TOPICS.items()}
