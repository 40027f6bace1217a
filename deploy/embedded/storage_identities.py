"""Who may do what at the embedded S3 server: its `identities.json`. Whoever has no key may do nothing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deploy.s3_policies import OBJECTS_ALONE, policy


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An account: its keys, and what it may do, by the server's own `actions` or by a policy as Amazon's S3 has it."""

    name: str
    access_key: str
    secret_key: str
    actions: Sequence[str] = ()
    policy: Mapping[str, object] | None = None

    def __repr__(self) -> str:
        """Never the keys: this may end in a log."""
        return f"Identity({self.name})"

    def record(self) -> dict[str, object]:
        credentials = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        names = [] if self.policy is None else [self.name]
        return {"name": self.name, "credentials": credentials, "actions": list(self.actions), "policyNames": names}


def administrator(access_key: str, secret_key: str) -> Identity:
    """Ingest, aggregator and notifier, which make and empty buckets."""
    return Identity(name="pixelmill", access_key=access_key, secret_key=secret_key, actions=("Admin",))


def keeper_of_pictures(access_key: str, secret_key: str, *, bucket: str) -> Identity:
    """Processors: they store and read pictures, and can do nothing else."""
    rights = policy(OBJECTS_ALONE, bucket)
    return Identity(name="processor", access_key=access_key, secret_key=secret_key, policy=rights)


def identities_file(identities: Iterable[Identity]) -> dict[str, object]:
    """The content of the file that the server reads at its start."""
    known = list(identities)
    policies = [
        {"name": each.name, "content": json.dumps(dict(each.policy))} for each in known if each.policy is not None
    ]
    return {"identities": [each.record() for each in known], "policies": policies}
