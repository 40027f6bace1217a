SELECT *
FROM aggregator.image_results
WHERE request_id = $1 AND index > $2 AND outcome = 'succeeded'
ORDER BY index
LIMIT $3
