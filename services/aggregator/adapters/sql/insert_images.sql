-- One chunk of the manifest. Images of a request that was deleted are not kept.
INSERT INTO aggregator.images (request_id, index, "row", line, slot, serial_number, product_name, source_url)
SELECT $1, image.*
FROM unnest($2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::text[]) AS image
WHERE EXISTS (SELECT FROM aggregator.requests WHERE request_id = $1)
ON CONFLICT (request_id, index) DO NOTHING
