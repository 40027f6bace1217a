SELECT request_id, owner
FROM ingest.requests
WHERE deleted_at < $1
ORDER BY deleted_at
LIMIT $2
