-- Images of a chunk without a result, unless the chunk is recorded or its request has ended, and how often they were
-- requested again.
SELECT missing.index,
       coalesce((SELECT times FROM aggregator.republished_chunks republished
                 WHERE republished.request_id = $1 AND republished.chunk = $2), 0) AS times
FROM aggregator.requests request
CROSS JOIN LATERAL generate_series(
    $2::integer * request.chunk_size, least(($2::integer + 1) * request.chunk_size, request.images_total) - 1
) AS missing (index)
WHERE request.request_id = $1 AND request.end_trigger IS NULL
  AND NOT EXISTS (SELECT FROM aggregator.recorded_chunks recorded
                  WHERE recorded.request_id = $1 AND recorded.chunk = $2)
  AND NOT EXISTS (SELECT FROM aggregator.results result
                  WHERE result.request_id = $1 AND result.index = missing.index)
ORDER BY missing.index
