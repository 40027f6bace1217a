UPDATE ingest.uploads
SET idempotency_key = NULL, lease = NULL
WHERE request_id IN (
    SELECT request_id
    FROM ingest.uploads
    WHERE expires_at < $1 AND lease IS NOT NULL
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
