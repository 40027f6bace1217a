UPDATE ingest.requests
SET cancel_requested_at = coalesce(cancel_requested_at, CASE WHEN ended_at IS NULL THEN $3::timestamptz END)
WHERE request_id = $1 AND owner = $2 AND deleted_at IS NULL
RETURNING cancel_requested_at, ended_at IS NOT NULL AS has_ended, end_state,
          EXISTS (SELECT FROM ingest.released_chunks WHERE released_chunks.request_id = $1) AS has_started
