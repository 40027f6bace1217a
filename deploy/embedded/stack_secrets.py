"""Passwords and keys of one stack, made at its first start and kept in a file that only its owner can read."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, fields

from deploy.embedded.home import Home, refuse, write_private

KEY_BYTES = 32


@dataclass(frozen=True)
class StackSecrets:
    """Everything that must not be guessed."""

    postgres_password: str
    s3_access_key: str
    s3_secret_key: str
    s3_images_access_key: str
    s3_images_secret_key: str
    url_signing_key: str
    webhook_secret: str
    webhook_secrets_key: str
    operator_key: str

    def __repr__(self) -> str:
        """Never the values: this may end in a log."""
        return "StackSecrets(...)"


def make_secrets() -> StackSecrets:
    """New ones."""
    return StackSecrets(
        postgres_password=secrets.token_hex(KEY_BYTES),
        s3_access_key=f"pixelmill{secrets.token_hex(8)}",
        s3_secret_key=secrets.token_hex(KEY_BYTES),
        s3_images_access_key=f"pixelmill{secrets.token_hex(8)}",
        s3_images_secret_key=secrets.token_hex(KEY_BYTES),
        url_signing_key=secrets.token_hex(KEY_BYTES),
        webhook_secret="whsec_" + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii"),
        webhook_secrets_key=secrets.token_hex(KEY_BYTES),
        operator_key=secrets.token_hex(KEY_BYTES),
    )


def load_secrets(home: Home) -> StackSecrets:
    """The secrets of this home. A value that an older version did not know is made and added."""
    known = read_known(home)
    made = asdict(make_secrets())
    values = {field.name: known.get(field.name, made[field.name]) for field in fields(StackSecrets)}
    if values != known:
        write_private(home.secrets_file, json.dumps(values, indent=1))
    return StackSecrets(**values)


def read_known(home: Home) -> dict[str, str]:
    """What the file holds, nothing when there is none."""
    try:
        values: dict[str, str] = json.loads(home.secrets_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        refuse(home.secrets_file, error)
    return values
