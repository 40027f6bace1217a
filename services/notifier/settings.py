"""What the notifier can be told."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr

from services.notifier.domain.schedule import Schedule
from services.notifier.domain.signature import WebhookSecret
from shared.safe_http import FetchPolicy, FetchSettings
from shared.settings import (
    AuthSettings,
    KafkaSettings,
    PostgresSettings,
    ProcessSettings,
    PublicUrlSettings,
    S3Settings,
)

MANUAL_PLACES: Final = 4


def _usable(secret: SecretStr) -> SecretStr:
    WebhookSecret.parse(secret.get_secret_value())
    return secret


class NotifierSettings(
    AuthSettings, KafkaSettings, PostgresSettings, S3Settings, PublicUrlSettings, FetchSettings, ProcessSettings
):
    """The notifier's part of the environment."""

    webhook_secret: Annotated[SecretStr, AfterValidator(_usable)] = Field(
        description="Key that signs the webhooks of owner `local`: `whsec_` and the base64 of 24 to 64 random bytes"
    )
    webhook_secrets_key: SecretStr = Field(
        min_length=32,
        description="Key from which owners' secrets are derived (32 characters at least); a new one ends them all",
    )
    webhook_timeout_seconds: float = Field(
        default=20.0, ge=1, le=30, description="Total time that one attempt at a webhook may take"
    )
    webhooks_in_flight: int = Field(default=32, ge=1, le=1000, description="Webhooks that one notifier posts at once")
    webhooks_per_endpoint: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Of these, webhooks to one scheme, host and port; the rest is put off by 5 s, later by 30 s",
    )
    webhook_retry_seconds: str = Field(
        default="5,300,1800,7200,18000,36000,50400,72000,86400",
        pattern=r"^[0-9]{1,7}(,[0-9]{1,7}){0,99}$",
        description="Waits between the attempts at a webhook, by commas; after the last one it has failed",
    )

    webhook_disable_after_seconds: int = Field(
        default=432_000,
        ge=60,
        le=31_536_000,
        description="An endpoint of which nothing but failures came for so long is disabled",
    )

    def schedule(self) -> Schedule:
        return Schedule(tuple(timedelta(seconds=int(part)) for part in self.webhook_retry_seconds.split(",")))

    def webhook_policy(self) -> FetchPolicy:
        """Attempts by hand find a way out beside those of the schedule."""
        return replace(self.fetch_policy(), per_host=self.webhooks_per_endpoint + MANUAL_PLACES)
