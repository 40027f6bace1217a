SELECT request, ended_at IS NOT NULL AS has_ended
FROM ingest.requests
WHERE request_id = $1 AND owner = $2 AND deleted_at IS NULL
