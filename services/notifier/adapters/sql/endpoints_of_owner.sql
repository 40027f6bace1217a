SELECT *
FROM notifier.endpoints
WHERE owner = $1 AND failing_since IS NOT NULL
ORDER BY disabled_at DESC NULLS LAST, failing_since DESC, endpoint_id
LIMIT $2
