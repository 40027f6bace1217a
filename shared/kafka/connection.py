"""How a broker is reached, and how names on it are prefixed."""

import ssl
from dataclasses import dataclass
from typing import Any

from shared.settings import KafkaSettings
from shared.topics import Partitioning, Topic


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Everything that a Kafka client needs to know about the cluster, from one place."""

    settings: KafkaSettings

    @property
    def partitioning(self) -> Partitioning:
        return self.settings.kafka_partitions

    @property
    def replication_factor(self) -> int:
        return self.settings.kafka_replication_factor

    def topic(self, topic: Topic) -> str:
        """The topic's name on this cluster."""
        return f"{self.settings.kafka_topic_prefix}{topic.name}"

    def group(self, service: str, role: str) -> str:
        """The consumer group of one role of one service."""
        return f"{self.settings.kafka_topic_prefix}pixelmill.{service}.{role}"

    def consumer_options(self, group: str) -> dict[str, Any]:
        """Options of every member of a consumer group, as delivery demands them: nothing is committed by itself."""
        return self.client_options() | {
            "group_id": group,
            "group_instance_id": self.settings.kafka_group_instance_id,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            # Whatever matters wakes the client; this is how often it looks around besides.
            "consumer_timeout_ms": 1000,
            "session_timeout_ms": self.settings.kafka_session_timeout_seconds * 1000,
            "heartbeat_interval_ms": 3000,
        }

    def client_options(self) -> dict[str, Any]:
        """Options that every aiokafka client takes."""
        settings = self.settings
        options: dict[str, Any] = {
            "bootstrap_servers": settings.kafka_bootstrap_servers,
            "security_protocol": settings.kafka_security_protocol,
        }
        if settings.kafka_security_protocol.startswith("SASL"):
            password = settings.kafka_sasl_password
            options |= {
                "sasl_mechanism": settings.kafka_sasl_mechanism,
                "sasl_plain_username": settings.kafka_sasl_username,
                "sasl_plain_password": password.get_secret_value() if password else None,
            }
        if settings.kafka_security_protocol.endswith("SSL"):
            cafile = settings.kafka_ssl_cafile
            options["ssl_context"] = ssl.create_default_context(cafile=str(cafile) if cafile else None)
        return options
