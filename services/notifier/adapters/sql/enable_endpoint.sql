UPDATE notifier.endpoints
SET failing_since = NULL, last_failed_at = NULL, disabled_at = NULL, reason = NULL
WHERE endpoint_id = $1 AND owner = $2
RETURNING *
