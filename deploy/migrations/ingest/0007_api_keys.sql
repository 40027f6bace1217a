-- Who may call. Of the key itself only a SHA-256 is kept. A revoked key stays, so that its requests can name it.
CREATE TABLE IF NOT EXISTS ingest.api_keys (
    key_id text PRIMARY KEY,
    owner text NOT NULL,
    name text NOT NULL DEFAULT '',
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS api_keys_by_owner ON ingest.api_keys (owner, created_at);
