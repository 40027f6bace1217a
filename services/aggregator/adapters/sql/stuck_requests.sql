SELECT request_id
FROM aggregator.requests
WHERE end_trigger IS NOT NULL AND published_at IS NULL AND ended_at <= $1
ORDER BY ended_at
LIMIT $2
