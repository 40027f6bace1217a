-- Hosts whose images failed, of recorded chunks; those with the most failures of each request.
SELECT request_id, host, images
FROM (
    SELECT request_id, failure.key AS host, sum(failure.value::bigint)::bigint AS images,
           row_number() OVER (PARTITION BY request_id ORDER BY sum(failure.value::bigint) DESC, failure.key) AS place
    FROM aggregator.recorded_chunks
    CROSS JOIN LATERAL jsonb_each_text(failures_by_host) AS failure
    WHERE request_id = ANY ($1::uuid[])
    GROUP BY request_id, failure.key
) counted
WHERE place <= $2
ORDER BY request_id, place
