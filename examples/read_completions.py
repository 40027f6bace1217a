"""Prints each request that reached its end, once: eval "$(pixelmill env)", then python -m examples.read_completions."""

import os

from confluent_kafka import Consumer

servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
topic = os.environ.get("KAFKA_TOPIC_PREFIX", "") + "requests.completed.v1"
settings = {"bootstrap.servers": servers, "group.id": "my-shop", "auto.offset.reset": "earliest"}
consumer = Consumer({**settings, "isolation.level": "read_committed"})
consumer.subscribe([topic])
while True:
    message = consumer.poll(1.0)
    if message is not None and message.error() is None:
        print((message.value() or b"").decode(), flush=True)
