SELECT index, outcome, error_code, renditions
FROM aggregator.results
WHERE request_id = $1 AND index > $2
ORDER BY index
LIMIT $3
