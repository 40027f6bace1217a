"""What an Idempotency-Key stands for: the bytes of the file and the options, whatever form they came in."""

import hashlib

from services.ingest.domain.options import SubmitOptions


class Fingerprint:
    """Grows with the file; two submissions with equal fingerprints ask for the same."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self._hash.update(data)

    def complete(self, options: SubmitOptions) -> bytes:
        file = self._hash.digest()
        return hashlib.sha256(file + options.model_dump_json().encode()).digest()
