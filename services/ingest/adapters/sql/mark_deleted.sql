UPDATE ingest.requests
SET deleted_at = coalesce(deleted_at, CASE WHEN ended_at IS NOT NULL THEN $3::timestamptz END)
WHERE request_id = $1 AND owner = $2
RETURNING deleted_at IS NOT NULL AS is_marked
