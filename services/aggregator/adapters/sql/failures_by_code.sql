SELECT error_code, count(*) AS images
FROM aggregator.results
WHERE request_id = $1 AND outcome = 'failed'
GROUP BY error_code
ORDER BY images DESC, error_code
