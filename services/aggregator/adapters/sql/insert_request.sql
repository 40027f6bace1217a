INSERT INTO aggregator.requests
    (request_id, owner, retry_of, rows_total, images_total, chunks_total, chunk_size, metadata, submitted_at, deadline_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (request_id) DO NOTHING
RETURNING *
