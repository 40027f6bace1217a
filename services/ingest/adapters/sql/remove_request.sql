WITH released AS (
    DELETE FROM ingest.released_chunks WHERE request_id = $1
), removed AS (
    DELETE FROM ingest.requests WHERE request_id = $1 AND deleted_at IS NOT NULL RETURNING request_id
)
INSERT INTO ingest.deleted_requests (request_id, deleted_at, remove_again_at)
SELECT request_id, $2, $3 FROM removed
ON CONFLICT (request_id) DO NOTHING
