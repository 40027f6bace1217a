-- What a key may ask for where it differs from the settings, and what it was given in the hour that began at
-- `usage_hour`. The row of a key is locked while it is counted up.
ALTER TABLE ingest.api_keys
    ADD COLUMN IF NOT EXISTS quotas jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS usage_hour timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN IF NOT EXISTS used_requests bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS used_rows bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS used_bytes bigint NOT NULL DEFAULT 0;

-- What is under way for each key. Without a key nothing is counted.
ALTER TABLE ingest.uploads ADD COLUMN IF NOT EXISTS key_id text;
ALTER TABLE ingest.requests ADD COLUMN IF NOT EXISTS key_id text;
CREATE INDEX IF NOT EXISTS uploads_by_key ON ingest.uploads (key_id) WHERE key_id IS NOT NULL AND lease IS NOT NULL;
CREATE INDEX IF NOT EXISTS requests_in_flight
    ON ingest.requests (key_id) WHERE key_id IS NOT NULL AND ended_at IS NULL;
