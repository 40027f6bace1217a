-- A lease that was not lost is shared: no object has been removed since it began. Else there is a new one.
INSERT INTO ingest.uploads (request_id, owner, expires_at, lease)
VALUES ($1, $2, $3, gen_random_uuid())
ON CONFLICT (request_id) DO UPDATE
SET expires_at = greatest(uploads.expires_at, excluded.expires_at), lease = coalesce(uploads.lease, excluded.lease)
RETURNING lease
