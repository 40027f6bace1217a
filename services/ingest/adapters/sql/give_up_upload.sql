-- An upload that was swept is noted again: it may have stored something since.
INSERT INTO ingest.uploads (request_id, owner, expires_at, lease)
VALUES ($1, $2, '-infinity', NULL)
ON CONFLICT (request_id) DO UPDATE
SET expires_at = '-infinity', idempotency_key = NULL, lease = NULL
WHERE uploads.lease = $3
