-- Nothing is recorded of a request that was deleted.
INSERT INTO aggregator.recorded_chunks
    (request_id, chunk, succeeded, failed, bytes_in, bytes_out, failures_by_code, failures_by_host)
SELECT $1, $2,
       count(*) FILTER (WHERE outcome = 'succeeded'),
       count(*) FILTER (WHERE outcome = 'failed'),
       coalesce(sum(bytes_in) FILTER (WHERE outcome = 'succeeded'), 0),
       coalesce(sum(bytes_out) FILTER (WHERE outcome = 'succeeded'), 0),
       $5, $6
FROM aggregator.results
WHERE request_id = $1 AND index >= $3 AND index < $3 + $4
HAVING EXISTS (SELECT FROM aggregator.requests WHERE request_id = $1)
ON CONFLICT (request_id, chunk) DO NOTHING
