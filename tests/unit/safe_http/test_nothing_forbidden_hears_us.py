"""Sockets listen on every forbidden address, and hear nothing.

The addresses exist in a network namespace that the test makes for itself: no packet leaves it.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.safe_http.address_table import FORBIDDEN_NETWORKS, PUBLIC_ADDRESSES
from tests.unit.safe_http.outside import SHOP_ADDRESS

ROOT = Path(__file__).parents[3]
IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]
LIMIT_SECONDS = 60


def needs_namespaces() -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs the command `unshare` of util-linux")
    tried = subprocess.run([*IN_A_NAMESPACE, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this machine allows no network namespaces to its users: {tried.stderr.strip()}")
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")


@pytest.mark.checklist("P1", "P2", "P3", "P5")
def test_sockets_that_listen_on_every_forbidden_address_hear_nothing() -> None:
    needs_namespaces()
    program = [sys.executable, "-m", "tests.unit.safe_http.network_of_its_own"]
    ran = subprocess.run(
        [*IN_A_NAMESPACE, *program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert len(found["reached"]) >= len(FORBIDDEN_NETWORKS), "a plain socket should have been heard on most of them"
    assert {*found["outcomes"].values()} == {"blocked_address"}, found["outcomes"]
    assert {*found["public"].values()} == {"fetched"}
    assert {*found["heard"]} == {SHOP_ADDRESS, *PUBLIC_ADDRESSES}
