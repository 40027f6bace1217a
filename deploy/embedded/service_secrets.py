"""Which process is told which secret: a processor, which has strangers' pictures in hand, is told the fewest.

The table is what the services' settings models say; a test compares the two. Models are not read here, for they would
bring the services' libraries into the supervisor.
"""

from collections.abc import Mapping
from hashlib import sha256

READERS: Mapping[str, frozenset[str]] = {
    "DATABASE_URL": frozenset({"ingest", "aggregator", "notifier"}),
    "URL_SIGNING_KEY": frozenset({"ingest", "aggregator"}),
    "WEBHOOK_SECRET": frozenset({"notifier"}),
    "WEBHOOK_SECRETS_KEY": frozenset({"notifier"}),
    # Of the user, not of a service.
    "PIXELMILL_API_KEY": frozenset(),
    "PIXELMILL_OPERATOR_KEY": frozenset(),
}
# A processor's account at the S3 server; without one of its own it has that of the others.
IMAGES_ACCOUNT = {"S3_IMAGES_ACCESS_KEY": "S3_ACCESS_KEY", "S3_IMAGES_SECRET_KEY": "S3_SECRET_KEY"}
KEEPS_PICTURES = "processor"
DIGEST = "sha256:"


def told_to(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of one service's processes, without the secrets that it does not read."""
    told = {name: value for name, value in environment.items() if service in READERS.get(name, {service})}
    if service == KEEPS_PICTURES and (key := told.get("OPERATOR_KEY")):
        # It can tell an operator, and can be none.
        told["OPERATOR_KEY"] = key if key.startswith(DIGEST) else DIGEST + sha256(key.encode()).hexdigest()
    for images, usual in IMAGES_ACCOUNT.items():
        own = told.pop(images, None)
        if service == KEEPS_PICTURES and own:
            told[usual] = own
    return told
