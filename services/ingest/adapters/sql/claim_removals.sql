UPDATE ingest.deleted_requests
SET remove_again_at = $2
WHERE request_id IN (
    SELECT request_id
    FROM ingest.deleted_requests
    WHERE remove_again_at < $1
    ORDER BY remove_again_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
RETURNING request_id, deleted_at
