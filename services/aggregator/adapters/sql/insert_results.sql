-- First writer wins: a result never changes. Results of a request that was deleted are not kept, nor those of images
-- that a request does not have.
INSERT INTO aggregator.results
    (request_id, index, outcome, note, error_code, error_message, source, renditions,
     bytes_in, bytes_out, attempts, duration_ms, trigger_offset)
SELECT request_id, index, outcome, note, error_code, error_message, source::jsonb, renditions::jsonb,
       bytes_in, bytes_out, attempts, duration_ms, trigger_offset
FROM unnest(
    $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::bigint[], $10::bigint[], $11::integer[], $12::integer[], $13::bigint[])
    AS result (request_id, index, outcome, note, error_code, error_message, source, renditions,
               bytes_in, bytes_out, attempts, duration_ms, trigger_offset)
JOIN (
    SELECT known.request_id, known.images_total FROM aggregator.requests known WHERE known.request_id = ANY ($1)
) AS known USING (request_id)
WHERE index < images_total
ON CONFLICT (request_id, index) DO NOTHING
