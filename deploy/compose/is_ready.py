"""The health check of a container: exit code 0 when the service in it is ready. `python -m deploy.compose.is_ready`.

It needs the standard library alone, so that asking often is cheap.
"""

import os
import sys
import urllib.error
import urllib.request

URL = "http://127.0.0.1:8080/readyz"
PATIENCE_SECONDS = 6.0
SHOWN_BYTES = 1000

READY, NOT_READY = 0, 1


def main(url: str = URL, operator_key: str = "") -> int:
    """Print what the service answers, which `docker inspect` shows, and say whether it is ready."""
    # Only operators are told why a part is away.
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {operator_key}"})  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - our own address
            sys.stdout.write(answer.read(SHOWN_BYTES).decode())
            return READY
    except urllib.error.HTTPError as refusal:
        with refusal:
            sys.stdout.write(refusal.read(SHOWN_BYTES).decode())
    except OSError as problem:
        sys.stdout.write(f"{url} does not answer: {problem}\n")
    return NOT_READY


if __name__ == "__main__":
    sys.exit(main(operator_key=os.environ.get("OPERATOR_KEY", "")))
