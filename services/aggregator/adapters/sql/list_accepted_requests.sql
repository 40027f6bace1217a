-- The newest that ingest accepted, known here or not: whoever merges them with the own ones finds all of the newest.
SELECT request
FROM ingest.requests
WHERE owner = $1 AND (accepted_at, request_id::uuid) < ($2, $3::uuid) AND accepted_at <= $2 AND accepted_at >= $4
ORDER BY accepted_at DESC, request_id::uuid DESC
LIMIT $5
