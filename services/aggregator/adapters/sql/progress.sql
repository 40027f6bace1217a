-- Recorded chunks are counted already; of the others, the few in flight have rows.
WITH request AS (
    SELECT request_id, images_total, chunks_total, chunk_size FROM aggregator.requests WHERE request_id = $1
), recorded AS (
    SELECT chunk, succeeded, failed, bytes_in, bytes_out
    FROM aggregator.recorded_chunks WHERE request_id = $1
), open AS (
    SELECT result.outcome, result.bytes_in, result.bytes_out
    FROM request
    CROSS JOIN LATERAL (
        SELECT number FROM generate_series(0, request.chunks_total - 1) AS number
        EXCEPT SELECT chunk FROM recorded
    ) AS chunk
    JOIN aggregator.results result
      ON result.request_id = request.request_id
     AND result.index >= chunk.number * request.chunk_size
     AND result.index < (chunk.number + 1) * request.chunk_size
), parts AS (
    SELECT succeeded, failed, 0 AS not_attempted, bytes_in, bytes_out FROM recorded
    UNION ALL
    SELECT count(*) FILTER (WHERE outcome = 'succeeded'),
           count(*) FILTER (WHERE outcome = 'failed'),
           count(*) FILTER (WHERE outcome = 'not_attempted'),
           sum(bytes_in) FILTER (WHERE outcome = 'succeeded'),
           sum(bytes_out) FILTER (WHERE outcome = 'succeeded')
    FROM open
)
SELECT coalesce(sum(succeeded), 0)::bigint AS succeeded,
       coalesce(sum(failed), 0)::bigint AS failed,
       coalesce(sum(not_attempted), 0)::bigint AS not_attempted,
       coalesce(sum(bytes_in), 0)::bigint AS bytes_in,
       coalesce(sum(bytes_out), 0)::bigint AS bytes_out
FROM parts
