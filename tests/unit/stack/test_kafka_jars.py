import hashlib
from pathlib import Path

import pytest

from deploy.embedded.errors import JarRefused
from deploy.embedded.kafka_jars import Jar, committed_jars, missing_jars

RIGHT = Jar("group:thing:1.0", hashlib.sha256(b"right").hexdigest())


def test_each_committed_jar_has_a_whole_checksum_and_a_version() -> None:
    jars = committed_jars()
    assert len({jar.filename for jar in jars}) == len(jars) == 46
    assert all(len(jar.sha256) == 64 for jar in jars)


def test_a_jar_that_is_there_is_not_missing(tmp_path: Path) -> None:
    assert missing_jars([RIGHT], tmp_path) == [RIGHT]
    (tmp_path / RIGHT.filename).write_bytes(b"right")
    assert missing_jars([RIGHT], tmp_path) == []


def test_a_jar_with_other_bytes_is_refused_and_deleted(tmp_path: Path) -> None:
    (tmp_path / RIGHT.filename).write_bytes(b"wrong")
    with pytest.raises(JarRefused, match=r"thing-1\.0\.jar"):
        missing_jars([RIGHT], tmp_path)
    assert missing_jars([RIGHT], tmp_path) == [RIGHT]
