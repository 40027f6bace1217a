"""The HTTP API of operators: dead letters and API keys."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

import httpx2

from pixelmill.api_client import CONNECT_SECONDS, LARGEST_PAGE, VALIDATION_SECONDS, ApiClient
from pixelmill.api_refusals import parsed, reaching
from pixelmill.dead_letter_answers import DeadLetter, DeadLetters, Replayed
from pixelmill.key_answers import ApiKeys, NewApiKey


class OperatorClient(ApiClient):
    """An operator's view of the servers; the key of `servers` is the operator's."""

    def create_key(self, order: Mapping[str, object]) -> NewApiKey:
        """Make an API key. What it is stands in this answer alone."""
        with reaching(self._servers.ingest):
            return parsed(self._http.post(self._keys(), json=dict(order)), NewApiKey)

    def keys(self, owner: str | None) -> ApiKeys:
        """All API keys, or those of one owner, the newest first."""
        return self._get(self._keys(), ApiKeys, {} if owner is None else {"owner": owner})

    def revoke_key(self, key_id: str) -> None:
        """Make an API key worth nothing."""
        self._delete(f"{self._keys()}/{quote(key_id, safe='')}")

    def lets_everyone_in(self) -> bool:
        """Whether the server is seen to answer callers without any key: its authentication is off."""
        address = f"{self._servers.aggregator}/v1/requests?limit=1"
        with reaching(address):
            answer = self._http.send(self._request_of(address, keyless=True))
        return answer.status_code == HTTPStatus.OK

    def dead_letters(self, wanted: Mapping[str, str], *, limit: int) -> DeadLetters:
        """The newest dead letters that fit, `limit` of them at most, and all that fit in groups."""
        found: list[DeadLetter] = []
        parameters = dict(wanted)
        while True:
            parameters["limit"] = str(min(limit - len(found), LARGEST_PAGE))
            page = self._get(f"{self._servers.aggregator}/v1/dead-letters", DeadLetters, parameters)
            found += page.items
            if page.next_cursor is None or len(found) >= limit:
                return page.model_copy(update={"items": tuple(found)})
            parameters["cursor"] = page.next_cursor

    def replay(self, order: Mapping[str, object]) -> Replayed:
        """Have dead letters replayed."""
        with reaching(self._servers.aggregator):
            address = f"{self._servers.aggregator}/v1/dead-letters/replay"
            answer = self._http.post(
                address, json=dict(order), timeout=httpx2.Timeout(VALIDATION_SECONDS, connect=CONNECT_SECONDS)
            )
        return parsed(answer, Replayed)

    def _keys(self) -> str:
        return f"{self._servers.ingest}/v1/keys"
