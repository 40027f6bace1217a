-- What the rows know of some chunks: which images have a result, and which offsets brought them. A chunk is closed
-- when it is recorded, and when its request has ended or was deleted.
SELECT wanted.request_id, wanted.chunk,
       EXISTS (SELECT FROM aggregator.recorded_chunks recorded
               WHERE recorded.request_id = wanted.request_id AND recorded.chunk = wanted.chunk)
       OR NOT EXISTS (SELECT FROM aggregator.requests request
                      WHERE request.request_id = wanted.request_id AND request.end_trigger IS NULL) AS is_closed,
       coalesce(found.indexes, '{}') AS indexes,
       coalesce(found.offsets, '{}') AS offsets
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[])
         AS wanted (request_id, chunk, first_index, images)
CROSS JOIN LATERAL (
    SELECT array_agg(result.index) AS indexes, array_agg(result.trigger_offset) AS offsets
    FROM aggregator.results result
    WHERE result.request_id = wanted.request_id
      AND result.index >= wanted.first_index
      AND result.index < wanted.first_index + wanted.images
      AND result.trigger_offset IS NOT NULL
) found
