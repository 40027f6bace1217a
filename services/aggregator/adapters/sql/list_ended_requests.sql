SELECT *
FROM aggregator.requests
WHERE owner = $1 AND (submitted_at, request_id) < ($2, $3) AND submitted_at >= $4
  AND assembled_at IS NOT NULL AND end_state = $6
ORDER BY submitted_at DESC, request_id DESC
LIMIT $5
