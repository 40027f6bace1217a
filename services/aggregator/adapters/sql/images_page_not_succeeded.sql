-- The first condition lets a small index serve the second.
SELECT *
FROM aggregator.image_results
WHERE request_id = $1 AND index > $2 AND outcome <> 'succeeded' AND outcome = $4
ORDER BY index
LIMIT $3
