-- What became of the images of some requests so far: recorded chunks are counted already, of the others the few in
-- flight have rows.
WITH request AS (
    SELECT request_id, chunks_total, chunk_size FROM aggregator.requests WHERE request_id = ANY ($1::uuid[])
), recorded AS (
    SELECT request_id, chunk, succeeded, bytes_in, bytes_out, failures_by_code
    FROM aggregator.recorded_chunks WHERE request_id = ANY ($1::uuid[])
)
SELECT request_id, 'succeeded' AS outcome, NULL AS error_code, sum(succeeded)::bigint AS images,
       sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out
FROM recorded
GROUP BY request_id
UNION ALL
SELECT request_id, 'failed', failure.key, sum(failure.value::bigint)::bigint, 0, 0
FROM recorded
CROSS JOIN LATERAL jsonb_each_text(failures_by_code) AS failure
GROUP BY request_id, failure.key
UNION ALL
SELECT request.request_id, result.outcome, result.error_code, sum(result.images)::bigint,
       sum(result.bytes_in)::bigint, sum(result.bytes_out)::bigint
FROM request
CROSS JOIN LATERAL (
    SELECT number FROM generate_series(0, request.chunks_total - 1) AS number
    EXCEPT SELECT chunk FROM recorded WHERE recorded.request_id = request.request_id
) AS chunk
-- Chunk by chunk through the primary key: the planner would rather read all results of the request.
CROSS JOIN LATERAL (
    SELECT outcome, error_code, count(*) AS images, sum(bytes_in) AS bytes_in, sum(bytes_out) AS bytes_out
    FROM aggregator.results
    WHERE request_id = request.request_id
      AND index >= chunk.number * request.chunk_size
      AND index < (chunk.number + 1) * request.chunk_size
    GROUP BY outcome, error_code
) AS result
GROUP BY request.request_id, result.outcome, result.error_code
