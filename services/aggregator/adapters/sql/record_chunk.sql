-- One chunk, and what the manifest says of its images; how many chunks of the request are recorded now. Nothing is
-- recorded of a request that was deleted.
WITH kept AS (
    INSERT INTO aggregator.images (request_id, index, "row", line, slot, serial_number, product_name, source_url)
    SELECT $1, image.*
    FROM unnest($7::integer[], $8::integer[], $9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[])
             AS image
    WHERE EXISTS (SELECT FROM aggregator.requests WHERE request_id = $1)
    ON CONFLICT (request_id, index) DO NOTHING
), recorded AS (
    INSERT INTO aggregator.recorded_chunks
        (request_id, chunk, succeeded, failed, bytes_in, bytes_out, failures_by_code, failures_by_host)
    SELECT $1, $2,
           count(*) FILTER (WHERE outcome = 'succeeded'),
           count(*) FILTER (WHERE outcome = 'failed'),
           coalesce(sum(bytes_in) FILTER (WHERE outcome = 'succeeded'), 0),
           coalesce(sum(bytes_out) FILTER (WHERE outcome = 'succeeded'), 0),
           $5::jsonb, $6::jsonb
    FROM aggregator.results
    WHERE request_id = $1 AND index >= $3 AND index < $3 + $4
    HAVING EXISTS (SELECT FROM aggregator.requests WHERE request_id = $1)
    -- Changes nothing, but returns the chunk: another statement may have recorded it since this one began.
    ON CONFLICT (request_id, chunk) DO UPDATE SET chunk = excluded.chunk
    RETURNING chunk
)
-- The statement sees neither what it has inserted itself nor what another did since it began.
SELECT (SELECT count(*) FROM aggregator.recorded_chunks WHERE request_id = $1 AND chunk <> $2)
     + (SELECT count(*) FROM recorded)
