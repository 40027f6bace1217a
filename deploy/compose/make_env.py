"""Writes `.env` from `.env.example`, with secrets of its own: `python3 -m deploy.compose.make_env`.

An existing `.env` is never touched: passwords that volumes were made with cannot be replaced by new ones.
Needs nothing but Python's standard library.
"""

import base64
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OWNER_ONLY = 0o600
WEBHOOK_BYTES = 32
PASSWORD_BYTES = 24
DIGEST_OF = "_SHA256"


def password() -> str:
    """A random value of letters and digits, which any URL takes as it is."""
    return secrets.token_hex(PASSWORD_BYTES)


def webhook_secret() -> str:
    """A key in the form of Standard Webhooks."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(WEBHOOK_BYTES)).decode('ascii')}"


SECRETS: Mapping[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": password,
    "S3_ROOT_PASSWORD": password,
    "S3_SECRET_KEY": password,
    "S3_IMAGES_SECRET_KEY": password,
    "URL_SIGNING_KEY": password,
    "WEBHOOK_SECRET": webhook_secret,
    "WEBHOOK_SECRETS_KEY": password,
    "OPERATOR_KEY": password,
}


def filled(example: str, makers: Mapping[str, Callable[[], str]] = SECRETS) -> str:
    """Return the text of `.env.example` with a new value for each secret that is empty in it, and for its digest."""
    lines = []
    known: dict[str, str] = {}
    for line in example.splitlines():
        name, sign, value = line.partition("=")
        if sign and not value and name in makers:
            value = makers[name]()
        elif sign and not value and name.endswith(DIGEST_OF):
            value = "sha256:" + sha256(known[name.removesuffix(DIGEST_OF)].encode()).hexdigest()
        known[name] = value
        lines.append(f"{name}{sign}{value}")
    return "\n".join(lines) + "\n"


def main(folder: Path = ROOT) -> int:
    """Write `.env` of the folder, readable by its owner alone."""
    target = folder / ".env"
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        sys.stderr.write(f"{target} is there already and stays as it is.\n")
        return 1
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(filled((folder / ".env.example").read_text("utf-8")))
    sys.stdout.write(f"wrote {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
