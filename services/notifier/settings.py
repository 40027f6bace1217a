"""What the notifier can be told."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from services.notifier.domain.signature import WebhookSecret
from shared.safe_http import FetchSettings
from shared.settings import AuthSettings, KafkaSettings, PostgresSettings, ProcessSettings, S3Settings


def _usable(secret: SecretStr) -> SecretStr:
    WebhookSecret.parse(secret.get_secret_value())
    return secret


class NotifierSettings(AuthSettings, KafkaSettings, PostgresSettings, S3Settings, FetchSettings, ProcessSettings):
    """The notifier's part of the environment."""

    webhook_secret: Annotated[SecretStr, AfterValidator(_usable)] = Field(
        description="Key that signs the webhooks of owner `local`: `whsec_` and the base64 of 24 to 64 random bytes"
    )
    webhook_timeout_seconds: float = Field(
        default=20.0, ge=1, le=30, description="Total time that one attempt at a webhook may take"
    )
    webhooks_in_flight: int = Field(default=32, ge=1, le=1000, description="Webhooks that one notifier posts at once")
