-- Notes the first result of each request; requests without a row are not among the answers.
UPDATE aggregator.requests SET started_at = coalesce(started_at, $2)
WHERE request_id = ANY($1::uuid[])
RETURNING request_id, chunk_size
