SELECT request
FROM ingest.requests
WHERE announced_at IS NULL AND accepted_at < $1
ORDER BY accepted_at
LIMIT $2
