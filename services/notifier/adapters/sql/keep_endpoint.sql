UPDATE notifier.endpoints
SET failing_since = $2, last_failed_at = $3, disabled_at = $4, reason = $5
WHERE endpoint_id = $1
