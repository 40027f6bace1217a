"""Whatever stands for a URL: it is refused with a reason, or it means the same to whoever judges and whoever asks."""

import asyncio
from ipaddress import ip_network
from urllib.parse import urlsplit

from aiohttp.client_reqrep import ClientRequest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from services.ingest.domain.url_cell import is_plain_url
from services.ingest.url_judge import url_judge
from shared.errors import Permanent
from shared.safe_http.addresses import permitted
from shared.safe_http.urls import DEFAULT_PORTS, MAX_URL_LENGTH, joined, numeric_host, parse_url
from tests.fuzz.outcomes import outcome_of

BITS = st.sampled_from(
    [
        "http://", "https://", "HTTP://", "http:", "//", "/", "\\", "@", ":", "#", "?", "%", "%00", "%2f", "%40", "[",
        "]",
        "[::1]", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]", "[v1.x]", "127.0.0.1", "127.1", "0x7f000001", "2130706433",
        "0",
        "\uff11\uff12\uff17.0.0.1", "169.254.169.254", "8.8.8.8", "[2606:4700::1]", "a.example", "A.Example",
        "localhost",
        "b\u00fccher.example", "xn--bcher-kva.example", "a\u3002example", "\u2100.example", "stra\u00dfe.example",
        "a_b", "..", ".",
        "user:pw", ":80", ":443", ":8080", ":0", ":65536", ":-1", ":\u0661", "\t", "\n", "\r", "\x00", "\x7f", "\x85",
        "\u00a0", "\u200b", "\u202e", "\ud800", " ", "x" * 64, "&", ";", "=", "|",
    ]
)  # fmt: skip
TEXTS = st.lists(BITS | st.text(max_size=3), max_size=9).map("".join)
LIKELY = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HtTp://"]),
    BITS,
    st.just("") | BITS,
    st.just("/") | TEXTS,
)
PUBLIC, LOOPBACK = url_judge(()), url_judge((ip_network("127.0.0.0/8"),))


@given(text=TEXTS | LIKELY | st.text())
def test_a_text_is_refused_with_a_reason_or_is_one_url_to_all_parsers(text: str) -> None:
    url = outcome_of(lambda: parse_url(text), Permanent)
    if isinstance(url, Permanent):
        assert url.message.isprintable()
        assert PUBLIC(text) is not None
        return
    assert parse_url(str(url)) == url == URL(str(url), encoded=True)
    assert len(text) <= MAX_URL_LENGTH
    assert (url.fragment, url.raw_user, url.raw_password) == ("", None, None)
    assert str(url).isascii()
    assert str(url).isprintable()
    assert urlsplit(str(url)).hostname == url.raw_host
    assert (urlsplit(str(url)).port or {"http": 80, "https": 443}[url.scheme]) == url.port


@given(text=LIKELY)
def test_what_is_let_in_is_asked_for_at_the_host_that_was_judged(text: str) -> None:
    if PUBLIC(text) is not None:
        return
    url = parse_url(text)
    host = url.raw_host or ""
    assert url.port in DEFAULT_PORTS
    assert numeric_host(host) in {None, host}
    if ":" in host or numeric_host(host) is not None:
        assert permitted(host)
    told = f"[{host}]" if ":" in host else host
    assert asyncio.run(asked_host(url)) == (host, url.port, told if url.is_default_port() else f"{told}:{url.port}")
    assert LOOPBACK(text) is None


async def asked_host(url: URL) -> tuple[str, int | None, str]:
    """The host and port that the client connects to, and what it tells the server."""
    request = ClientRequest("GET", url, loop=asyncio.get_running_loop())
    return request.connection_key.host, request.connection_key.port, request.headers["Host"]


@given(text=LIKELY | TEXTS)
def test_the_short_cut_for_plain_urls_lets_nothing_in_that_the_judge_refuses(text: str) -> None:
    if is_plain_url(text) and len(text) <= MAX_URL_LENGTH:
        assert PUBLIC(text) is None


@given(text=TEXTS | LIKELY | st.text())
def test_a_redirect_is_refused_or_leads_to_a_url_that_would_be_taken_as_it_is(text: str) -> None:
    target = outcome_of(lambda: joined(parse_url("https://a.example/b/c?d"), text), Permanent)
    if not isinstance(target, Permanent):
        assert parse_url(str(target)) == target
