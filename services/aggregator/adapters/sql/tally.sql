SELECT outcome, error_code, count(*) AS images, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out
FROM aggregator.results
WHERE request_id = $1
GROUP BY outcome, error_code
