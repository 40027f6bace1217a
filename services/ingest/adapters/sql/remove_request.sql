WITH released AS (
    DELETE FROM ingest.released_chunks WHERE request_id = $1
)
DELETE FROM ingest.requests WHERE request_id = $1 AND deleted_at IS NOT NULL
