-- Whoever holds the lease may store the upload and commit it. `expires_at` is the lease's end, which is put off while the
-- upload goes on. The lease is null once it was lost or given up: then nothing is committed under it any more, and the
-- sweeper removes the objects. The default serves processes that know of no leases.
ALTER TABLE ingest.uploads ADD COLUMN IF NOT EXISTS lease uuid DEFAULT gen_random_uuid();
CREATE INDEX IF NOT EXISTS uploads_without_lease ON ingest.uploads (request_id) WHERE lease IS NULL;
