"""What ingest answers about API keys, as far as the command uses it."""

from pixelmill.api_answers import Part


class Quotas(Part):
    """Limits of one key. 0 is no limit; null is what the server has for everyone."""

    requests_per_hour: int | None = None
    rows_per_hour: int | None = None
    bytes_per_hour: int | None = None
    requests_in_flight: int | None = None


class ApiKey(Part):
    """A key, without what it is."""

    key_id: str
    owner: str
    name: str
    created_at: str
    revoked_at: str | None = None
    quotas: Quotas = Quotas()


class NewApiKey(ApiKey):
    """A key that was made just now; `key` is told this once."""

    key: str


class ApiKeys(Part):
    """The newest first."""

    items: tuple[ApiKey, ...]
