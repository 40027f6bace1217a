"""What the aggregator can be told."""

from pydantic import Field, SecretStr

from shared.settings import (
    AuthSettings,
    KafkaSettings,
    PostgresSettings,
    ProcessSettings,
    PublicUrlSettings,
    S3Settings,
)


class AggregatorSettings(AuthSettings, KafkaSettings, PostgresSettings, S3Settings, PublicUrlSettings, ProcessSettings):
    """The aggregator's part of the environment."""

    url_signing_key: SecretStr = Field(
        min_length=16, description="Key that signs the URLs of compressed pictures; changing it breaks older URLs"
    )
    picture_url_seconds: int = Field(
        default=300, ge=10, le=86_400, description="How long the storage URL behind a picture URL can be used"
    )
    requests_in_flight: int = Field(
        default=8, ge=1, le=256, description="Requests that one finisher works on at once; large ones take a place long"
    )
    stall_seconds: float = Field(
        default=60.0, ge=1, le=86_400, description="A request that has not moved for so long is looked after"
    )
    source_patience_seconds: int = Field(
        default=3600,
        ge=0,
        le=86_400,
        description="Images of a source that wants to be left alone, or is away, wait at most so long, then they fail",
    )
