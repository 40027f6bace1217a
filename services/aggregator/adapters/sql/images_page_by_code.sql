SELECT *
FROM aggregator.image_results
WHERE request_id = $1 AND index > $2 AND error_code = $4 AND outcome = coalesce($5, outcome)
ORDER BY index
LIMIT $3
