"""The parts that one stack starts itself, and the settings with which everybody reaches all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.embedded.free_ports import LOOPBACK
from deploy.embedded.home import Home
from deploy.embedded.kafka_broker import KafkaBroker
from deploy.embedded.object_storage import ObjectStorage
from deploy.embedded.part import Part
from deploy.embedded.postgres_server import PostgresServer
from deploy.embedded.stack_ports import KAFKA_PORTS, POSTGRES_PORTS, S3_PORTS
from deploy.embedded.stack_secrets import StackSecrets
from deploy.embedded.stack_settings import IMAGES_BUCKET
from deploy.embedded.storage_identities import administrator, keeper_of_pictures


@dataclass(frozen=True)
class External:
    """Which parts somebody else runs, as the environment says."""

    kafka: bool
    postgres: bool
    s3: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "External":
        """A part is external when its address is set."""
        return cls(
            kafka=bool(environment.get("KAFKA_BOOTSTRAP_SERVERS")),
            postgres=bool(environment.get("DATABASE_URL")),
            s3=bool(environment.get("S3_ENDPOINT")),
        )

    def port_names(self) -> list[str]:
        """The names of the ports that the parts of our own need."""
        names: list[str] = []
        names += () if self.kafka else KAFKA_PORTS
        names += () if self.postgres else POSTGRES_PORTS
        names += () if self.s3 else S3_PORTS
        return names


@dataclass(frozen=True)
class StackParts:
    """The parts to start, in the order in which they may be stopped last to first, and the settings they bring."""

    parts: Sequence[Part]
    settings: Mapping[str, str]


def assemble(home: Home, ports: Mapping[str, int], secrets: StackSecrets, environment: Mapping[str, str]) -> StackParts:
    """Every part that is not external."""
    external = External.of(environment)
    parts: list[Part] = []
    settings: dict[str, str] = {}
    if not external.postgres:
        add_postgres(parts, settings, make_postgres(home, ports, secrets, environment))
    if not external.s3:
        add_s3(parts, settings, make_s3(home, ports, secrets, environment))
        settings |= s3_keys(secrets)
    if not external.kafka:
        add_kafka(parts, settings, make_kafka(home, ports, environment))
    return StackParts(parts, settings)


def make_kafka(home: Home, ports: Mapping[str, int], environment: Mapping[str, str]) -> KafkaBroker:
    """The broker on its two ports."""
    return KafkaBroker(
        home=home, port=ports["kafka"], controller_port=ports["kafka.controller"], environment=environment
    )


def make_postgres(
    home: Home, ports: Mapping[str, int], secrets: StackSecrets, environment: Mapping[str, str]
) -> PostgresServer:
    """The database server with its password."""
    return PostgresServer(
        home=home, port=ports["postgres"], password=secrets.postgres_password, environment=environment
    )


def make_s3(
    home: Home, ports: Mapping[str, int], secrets: StackSecrets, environment: Mapping[str, str]
) -> ObjectStorage:
    """The S3 server with those who may come in."""
    return ObjectStorage(
        home=home,
        ports={name: ports[name] for name in S3_PORTS},
        identities=(
            administrator(secrets.s3_access_key, secrets.s3_secret_key),
            keeper_of_pictures(
                secrets.s3_images_access_key,
                secrets.s3_images_secret_key,
                bucket=environment.get("S3_BUCKET_IMAGES") or IMAGES_BUCKET,
            ),
        ),
        environment=environment,
    )


def add_kafka(parts: list[Part], settings: dict[str, str], kafka: KafkaBroker) -> None:
    """One broker: one replica, few partitions."""
    parts.append(kafka)
    settings["KAFKA_BOOTSTRAP_SERVERS"] = f"{LOOPBACK}:{kafka.port}"
    settings["KAFKA_REPLICATION_FACTOR"] = "1"
    settings["KAFKA_PARTITIONS"] = "embedded"


def add_postgres(parts: list[Part], settings: dict[str, str], postgres: PostgresServer) -> None:
    """The address with the password in it."""
    parts.append(postgres)
    settings["DATABASE_URL"] = postgres.url


def add_s3(parts: list[Part], settings: dict[str, str], s3: ObjectStorage) -> None:
    """The address."""
    parts.append(s3)
    settings["S3_ENDPOINT"] = settings["S3_PUBLIC_ENDPOINT"] = s3.endpoint
    settings["S3_REGION"] = "us-east-1"


def s3_keys(secrets: StackSecrets) -> dict[str, str]:
    """The keys of both accounts; processors get the second one alone."""
    return {
        "S3_ACCESS_KEY": secrets.s3_access_key,
        "S3_SECRET_KEY": secrets.s3_secret_key,
        "S3_IMAGES_ACCESS_KEY": secrets.s3_images_access_key,
        "S3_IMAGES_SECRET_KEY": secrets.s3_images_secret_key,
    }
