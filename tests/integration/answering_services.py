"""Services for tests of the supervisor: they answer `/readyz`, and do what a test asks of them.

`python -m tests.integration.answering_services` is one such process.
"""

import http.server
import os
import sys

from deploy.embedded.services import Scale, ServiceProgram

MODULE = "tests.integration.answering_services"


def two_kinds(scale: Scale) -> list[ServiceProgram]:
    """One `ingest` and as many processors as wanted."""
    return [
        ServiceProgram("ingest", MODULE),
        *(ServiceProgram(f"processor-{number}", MODULE) for number in range(1, scale.processors + 1)),
    ]


def one_that_crashes(scale: Scale) -> list[ServiceProgram]:
    """A service that cannot start beside one that can."""
    return [ServiceProgram("ingest", MODULE), ServiceProgram("notifier", MODULE, ("crash",))]


class Answer(http.server.BaseHTTPRequestHandler):
    """Ready from the start."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the name in the base class
        """Probes are no news."""


def main() -> None:
    if "crash" in sys.argv:
        sys.exit("the reason why it cannot start")
    address = (os.environ["HTTP_HOST"], int(os.environ["HTTP_PORT"]))
    http.server.ThreadingHTTPServer(address, Answer).serve_forever()


if __name__ == "__main__":
    main()
