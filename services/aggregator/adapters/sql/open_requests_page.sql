-- Requests without an end after the id $1, each with its first $3 chunks that are not recorded. Results are counted
-- chunk by chunk through the primary key.
WITH page AS MATERIALIZED (
    SELECT request_id, images_total, chunks_total, chunk_size
    FROM aggregator.requests
    WHERE end_trigger IS NULL AND request_id > $1
    ORDER BY request_id
    LIMIT $2
)
SELECT page.request_id, page.images_total, page.chunks_total, page.chunk_size,
       (accepted.request ->> 'window')::integer AS window,
       recorded.chunks AS recorded,
       coalesce(open.numbers, '{}') AS numbers,
       coalesce(open.results, '{}') AS results
FROM page
LEFT JOIN ingest.requests accepted ON accepted.request_id = page.request_id::text
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS chunks
    FROM aggregator.recorded_chunks
    WHERE recorded_chunks.request_id = page.request_id
) recorded
CROSS JOIN LATERAL (
    SELECT array_agg(chunk.number ORDER BY chunk.number) AS numbers,
           array_agg(found.results ORDER BY chunk.number) AS results
    FROM (
        SELECT number
        FROM generate_series(0, page.chunks_total - 1) AS number
        WHERE NOT EXISTS (
            SELECT FROM aggregator.recorded_chunks known
            WHERE known.request_id = page.request_id AND known.chunk = number
        )
        ORDER BY number
        LIMIT $3
    ) chunk
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS results
        FROM aggregator.results result
        WHERE result.request_id = page.request_id
          AND result.index >= chunk.number * page.chunk_size
          AND result.index < (chunk.number + 1) * page.chunk_size
    ) found
) open
ORDER BY page.request_id
