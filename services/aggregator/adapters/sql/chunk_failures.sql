SELECT index, error_code
FROM aggregator.results
WHERE request_id = $1 AND index >= $2 AND index < $2 + $3 AND outcome = 'failed'
