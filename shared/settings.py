"""Settings that several services share. A service's own model inherits what it needs.

Only a service's `__main__` constructs settings, and only from the environment. Names in the environment are the
field names in capitals.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.api_keys.tokens import operator_digest
from shared.topics import Partitioning


class ProcessSettings(BaseSettings):
    """What every process needs: where it runs and where it answers HTTP."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    pixelmill_home: Path = Field(
        default=Path(".pixelmill"), description="Folder for data, logs and state of the embedded stack"
    )
    pixelmill_env: Literal["prod", "dev"] = Field(default="prod", description="`dev` adds `debug` to error answers")
    http_host: str = Field(default="127.0.0.1", description="Address on which the process answers HTTP")
    http_port: int = Field(default=8080, ge=0, le=65535, description="Port on which the process answers HTTP")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity that is logged"
    )


class KafkaSettings(BaseSettings):
    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Brokers, `host:port`, separated by commas"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How brokers are talked to"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="SASL mechanism, with `SASL_*` protocols"
    )
    kafka_sasl_username: str | None = Field(default=None, description="SASL user name")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="SASL password")
    kafka_ssl_cafile: Path | None = Field(default=None, description="CA file for the brokers' certificates")
    kafka_topic_prefix: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]{0,64}$", description="Put before every topic and consumer group"
    )
    kafka_replication_factor: int = Field(
        default=3, ge=1, le=9, description="Replicas of each topic when it is created (embedded: 1)"
    )
    kafka_partitions: Partitioning = Field(
        default="production", description="Partition plan when topics are created: `production` or `embedded` (few)"
    )
    kafka_group_instance_id: str | None = Field(
        default=None, description="Static membership: a name that a restarted process keeps"
    )
    kafka_session_timeout_seconds: int = Field(
        default=30, ge=6, le=300, description="A consumer that is silent for longer loses its partitions"
    )


class PostgresSettings(BaseSettings):
    database_url: SecretStr = Field(
        default=SecretStr("postgresql://pixelmill@127.0.0.1:5432/pixelmill"), description="Postgres, as a URL"
    )
    database_pool_size: int = Field(default=5, ge=1, le=100, description="Connections that one process holds at most")


class S3Settings(BaseSettings):
    s3_endpoint: str = Field(default="http://127.0.0.1:8333", description="S3 server as the services reach it")
    s3_public_endpoint: str | None = Field(
        default=None, description="S3 server as browsers reach it (default: `S3_ENDPOINT`)"
    )
    s3_access_key: SecretStr = Field(default=SecretStr(""), description="S3 access key")
    s3_secret_key: SecretStr = Field(default=SecretStr(""), description="S3 secret key")
    s3_region: str = Field(default="us-east-1", description="S3 region")
    s3_bucket_requests: str = Field(
        default="pixelmill-requests", description="Bucket for requests: input, manifest, output (private)"
    )
    s3_bucket_images: str = Field(default="pixelmill-images", description="Bucket for compressed images")


class AuthSettings(BaseSettings):
    auth: Literal["required", "off"] = Field(
        default="required",
        description="`required` asks for API keys, and for the operator's key; `off` makes everyone the owner `local`",
    )
    operator_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Key of operators, for API keys, dead letters and metrics: 32 characters at least, or `sha256:` and"
        " its digest in hexadecimal (none: nobody is one)",
    )

    @field_validator("operator_key")
    @classmethod
    def _has_a_digest(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            operator_digest(key.get_secret_value())
        return key


class PublicUrlSettings(BaseSettings):
    ingest_public_url: str = Field(default="http://127.0.0.1:8081", description="Ingest as users reach it")
    aggregator_public_url: str = Field(default="http://127.0.0.1:8082", description="Aggregator as users reach it")
    notifier_public_url: str = Field(default="http://127.0.0.1:8083", description="Notifier as users reach it")
