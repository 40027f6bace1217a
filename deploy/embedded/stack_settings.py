"""The settings that every service of one stack gets, and that `pixelmill env` prints."""

from collections.abc import Mapping

from deploy.embedded.free_ports import LOOPBACK
from deploy.embedded.home import Home
from deploy.embedded.services import PUBLIC_URLS
from deploy.embedded.stack_secrets import StackSecrets

IMAGES_BUCKET = "pixelmill-images"


def common_settings(
    home: Home, ports: Mapping[str, int], secrets: StackSecrets, environment: Mapping[str, str]
) -> dict[str, str]:
    """What holds beside the addresses of the parts. The user's own values win."""
    ours = {
        "PIXELMILL_ENV": "prod",
        "S3_REGION": "us-east-1",
        "S3_BUCKET_REQUESTS": "pixelmill-requests",
        "S3_BUCKET_IMAGES": IMAGES_BUCKET,
        "URL_SIGNING_KEY": secrets.url_signing_key,
        "WEBHOOK_SECRET": secrets.webhook_secret,
        "WEBHOOK_SECRETS_KEY": secrets.webhook_secrets_key,
        "OPERATOR_KEY": secrets.operator_key,
        "AUTH": "off",
        **{name: f"http://{LOOPBACK}:{ports[service]}" for service, name in PUBLIC_URLS.items() if service in ports},
    }
    chosen = {name: environment.get(name) or value for name, value in ours.items()}
    return {"PIXELMILL_HOME": str(home.path), **chosen}


# Further settings that say where an external part is and how to get in.
EXTERNAL = ("KAFKA_", "DATABASE_URL", "S3_")


def effective_settings(
    common: Mapping[str, str], parts: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, str]:
    """All settings of the stack: of the parts it runs, of external ones, and common ones."""
    external = {name: value for name, value in environment.items() if name.startswith(EXTERNAL) and value}
    return {**external, **common, **parts}
