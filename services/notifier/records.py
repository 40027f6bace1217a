"""What the notifier keeps in Postgres, put together."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from services.notifier.adapters.postgres_deliveries import PostgresDeliveries
from services.notifier.adapters.postgres_endpoints import PostgresEndpoints
from services.notifier.adapters.postgres_redeliveries import PostgresRedeliveries
from services.notifier.adapters.postgres_secrets import PostgresSecrets
from services.notifier.clearance import Clearance
from services.notifier.domain.signature import WebhookSecret
from services.notifier.keyring import Keyring
from services.notifier.settings import NotifierSettings
from shared.postgres import Database


@dataclass(frozen=True, slots=True)
class Records:
    """The adapters that share one database, and what is decided by them."""

    deliveries: PostgresDeliveries
    endpoints: PostgresEndpoints
    redeliveries: PostgresRedeliveries
    secrets: PostgresSecrets
    keyring: Keyring

    @classmethod
    def of(cls, database: Database, settings: NotifierSettings) -> Self:
        endpoints = PostgresEndpoints(database, disable_after=timedelta(seconds=settings.webhook_disable_after_seconds))
        secrets = PostgresSecrets(database)
        local = WebhookSecret.parse(settings.webhook_secret.get_secret_value())
        keyring = Keyring(settings.webhook_secrets_key.get_secret_value().encode(), local, secrets)
        return cls(PostgresDeliveries(database, endpoints), endpoints, PostgresRedeliveries(database), secrets, keyring)

    @property
    def clearance(self) -> Clearance:
        return Clearance(self.endpoints, self.keyring)
