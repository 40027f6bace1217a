"""What the two accounts may do."""

import pytest
from pydantic import ValidationError

from deploy.compose.minio_users import MinioUsersSettings
from deploy.s3_policies import OBJECTS_ALONE, WHOLE_BUCKET, policy


@pytest.mark.checklist("D5")
def test_a_processor_may_neither_list_nor_delete() -> None:
    assert not [action for action in OBJECTS_ALONE if "List" in action or "Delete" in action or "*" in action]
    assert set(OBJECTS_ALONE) < set(WHOLE_BUCKET)


@pytest.mark.checklist("D5")
def test_a_policy_names_its_buckets_and_their_objects_and_no_other() -> None:
    statement = policy(OBJECTS_ALONE, "pictures")["Statement"]
    assert statement == [
        {
            "Effect": "Allow",
            "Action": list(OBJECTS_ALONE),
            "Resource": ["arn:aws:s3:::pictures", "arn:aws:s3:::pictures/*"],
        }
    ]


def test_an_account_without_a_password_is_refused() -> None:
    with pytest.raises(ValidationError, match="s3_root_password"):
        MinioUsersSettings(s3_root_user="root", s3_images_access_key="processor")
