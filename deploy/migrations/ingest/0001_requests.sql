CREATE SCHEMA IF NOT EXISTS ingest;

-- Uploads that are being received. A row that outlives `expires_at` belongs to an upload that never became a
-- request: the sweeper removes its objects. `idempotency_key` reserves the key until then.
CREATE TABLE IF NOT EXISTS ingest.uploads (
    request_id text PRIMARY KEY,
    owner text NOT NULL,
    idempotency_key text,
    expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uploads_one_for_each_key
    ON ingest.uploads (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS uploads_expired ON ingest.uploads (expires_at);

-- Accepted requests. `request` is the content of request.json.
CREATE TABLE IF NOT EXISTS ingest.requests (
    request_id text PRIMARY KEY,
    owner text NOT NULL,
    request jsonb NOT NULL,
    accepted_at timestamptz NOT NULL,
    announced_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX IF NOT EXISTS requests_unannounced
    ON ingest.requests (accepted_at) WHERE announced_at IS NULL;
CREATE INDEX IF NOT EXISTS requests_by_owner ON ingest.requests (owner, accepted_at);

CREATE TABLE IF NOT EXISTS ingest.idempotency_keys (
    owner text NOT NULL,
    idempotency_key text NOT NULL,
    request_id text NOT NULL REFERENCES ingest.requests (request_id) ON DELETE CASCADE,
    fingerprint bytea NOT NULL,
    PRIMARY KEY (owner, idempotency_key)
);
CREATE INDEX IF NOT EXISTS idempotency_keys_by_request ON ingest.idempotency_keys (request_id);

-- A row per released chunk: the event that released it is the only one that may do so again.
CREATE TABLE IF NOT EXISTS ingest.released_chunks (
    request_id text NOT NULL,
    chunk integer NOT NULL,
    trigger text NOT NULL,
    released_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (request_id, chunk)
);
