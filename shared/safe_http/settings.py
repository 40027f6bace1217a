"""Settings of outgoing requests."""

from ipaddress import ip_address, ip_network
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from shared.safe_http.addresses import Network
from shared.safe_http.policy import FetchPolicy


def _networks(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(_network(part.strip()) for part in value.split(",") if part.strip())


def _network(text: str) -> Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a network. Write CIDRs like 10.1.0.0/16, by commas") from error
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} is every address there is, which would turn the protection off. Name your networks")
    if ip_address(text.partition("/")[0]) != network.network_address:
        raise ValueError(f"{text!r} is an address inside a network. If all of the network is meant, write {network}")
    return network


class AllowedNetworks(BaseSettings):
    fetch_allow_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = Field(
        default=(),
        description="Private networks that may be fetched from and called back, on any port (CIDRs, by commas)",
    )


class FetchSettings(AllowedNetworks):
    fetch_timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, description="A source must be fetched within this time, redirects included"
    )
    fetch_connect_timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="A connection to a source must stand within this time"
    )
    fetch_per_host: int = Field(default=8, ge=1, le=256, description="Connections of one process to one source host")

    def fetch_policy(self) -> FetchPolicy:
        return FetchPolicy(
            allow_networks=self.fetch_allow_networks,
            timeout_seconds=self.fetch_timeout_seconds,
            connect_timeout_seconds=self.fetch_connect_timeout_seconds,
            per_host=self.fetch_per_host,
        )
