"""Whole objects over S3's HTTP interface: one request each, on the event loop, signed by the `minio` client's signer.

The SHA-256 of the content is part of the signature, so that what is stored is what was sent, with TLS or without.
A server that cannot be connected to, or says 502, 503 or 504, is asked again at once and once more; one that hangs is
not: the caller decides, and it has waited long enough. When a connection breaks off before the answer, as a kept one
does that the server has just closed, aiohttp itself repeats the request once, within the same time: the same key and
the same bytes, so that a put that was done already is done again and changes nothing.

Errors: `Refused` with S3's code when the server says no; `NoAnswer` when it cannot be reached, does not answer in time,
breaks off (twice, or within the answer), or says something that is not S3.
"""

import asyncio
import io
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

import aiohttp
from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3
from yarl import URL

from shared.settings import S3Settings

PAUSES_SECONDS: Final = (0.0, 0.2)
BUSY: Final = frozenset({502, 503, 504})
OK: Final = 200

# Beyond this, hashing would hold up the event loop, and the client wants a file.
SMALL_BYTES: Final = 1 << 20
_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
# What is stored compressed is to come back as it was put.
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "pixelmill"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a server may take to be connected to and to answer; what is sent to it takes its own time on top."""

    connect_seconds: float = 5
    answer_seconds: float = 20
    slowest_bytes_per_second: float = 1 << 20

    def timeout(self, size: int) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=self.connect_seconds + self.answer_seconds + size / self.slowest_bytes_per_second,
            sock_connect=self.connect_seconds,
            sock_read=self.answer_seconds,
        )


PATIENCE: Final = Patience()


class Refused(Exception):
    """The S3 server refused a request; `code` is S3's own name for the reason."""

    def __init__(self, status: int, code: str, place: str) -> None:
        super().__init__(f"S3 refuses {place}: {code} ({status})")
        self.status = status
        self.code = code


class NoAnswer(Exception):
    """The S3 server gave no answer that can be used. See that it runs, and that `S3_ENDPOINT` names it."""


class _Unreached(NoAnswer):
    """Nothing was connected to, so that nothing was asked."""


class _Answer(NamedTuple):
    status: int
    body: bytes


class S3Http:
    """One server. `at_once` requests are under way at most, others wait for their turn."""

    def __init__(self, settings: S3Settings, *, at_once: int, patience: Patience = PATIENCE) -> None:
        self._endpoint = urlsplit(settings.s3_endpoint)
        self._region = settings.s3_region
        self._credentials = Credentials(
            settings.s3_access_key.get_secret_value(), settings.s3_secret_key.get_secret_value()
        )
        self._at_once = at_once
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def put(self, bucket: str, key: str, data: bytes | memoryview, *, headers: Mapping[str, str]) -> None:
        """Store an object whole. `headers` are its content type and metadata."""
        await self._asked("PUT", f"/{bucket}/{key}", data, headers)

    async def get(self, bucket: str, key: str) -> bytes:
        """Return an object whole."""
        return await self._asked("GET", f"/{bucket}/{key}", b"", {})

    async def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _asked(self, method: str, place: str, data: bytes | memoryview, headers: Mapping[str, str]) -> bytes:
        url = SplitResult(self._endpoint.scheme, self._endpoint.netloc, quote(place), "", "")
        digest = await _digest(data)
        for pause in PAUSES_SECONDS:
            with suppress(_Unreached):
                answer = await self._answer(method, url, data, self._signed(method, url, digest, headers))
                if answer.status not in BUSY:
                    return _content(answer, place)
            await asyncio.sleep(pause)
        return _content(await self._answer(method, url, data, self._signed(method, url, digest, headers)), place)

    def _signed(self, method: str, url: SplitResult, digest: str, headers: Mapping[str, str]) -> dict[str, str]:
        now = datetime.now(UTC)
        stamp = {"Host": url.netloc, "x-amz-content-sha256": digest, "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ")}
        signed: dict[str, str | list[str] | tuple[str]] = {**headers, **stamp}
        sign_v4_s3(
            method=method,
            url=url,
            region=self._region,
            headers=signed,
            credentials=self._credentials,
            content_sha256=digest,
            date=now,
        )
        return {name: str(value) for name, value in signed.items()}

    async def _answer(
        self, method: str, url: SplitResult, data: bytes | memoryview, headers: Mapping[str, str]
    ) -> _Answer:
        body = io.BytesIO(data) if len(data) > SMALL_BYTES else data
        try:
            async with self._opened().request(
                method,
                URL(url.geturl(), encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=self._patience.timeout(len(data)),
            ) as response:
                return _Answer(response.status, await response.read())
        except aiohttp.ClientConnectorError as error:
            raise _Unreached(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._at_once),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_HEADERS,
                skip_auto_headers=("Accept", "Content-Type"),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _digest(data: bytes | memoryview) -> str:
    if len(data) > SMALL_BYTES:
        return (await asyncio.to_thread(sha256, data)).hexdigest()
    return sha256(data).hexdigest()


def _content(answer: _Answer, place: str) -> bytes:
    if answer.status == OK:
        return answer.body
    code = _CODE.search(answer.body)
    if code is None:
        # A proxy's page, for one. It says nothing about the object.
        raise NoAnswer(f"status {answer.status} without an S3 code")
    raise Refused(answer.status, code[1].decode(), place)
