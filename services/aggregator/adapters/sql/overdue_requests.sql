SELECT request_id, owner, deadline_at
FROM aggregator.requests
WHERE end_trigger IS NULL AND deadline_at <= $1 AND (deadline_at, request_id) > ($2, $3)
ORDER BY deadline_at, request_id
LIMIT $4
