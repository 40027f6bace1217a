UPDATE ingest.uploads
SET expires_at = greatest(expires_at, $3)
WHERE request_id = $1 AND lease = $2
RETURNING request_id
