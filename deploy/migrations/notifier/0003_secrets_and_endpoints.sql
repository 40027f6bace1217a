-- Webhook secrets that owners made: ids and times alone. The secrets are derived from a key that is not in Postgres.
CREATE TABLE IF NOT EXISTS notifier.webhook_secrets (
    secret_id uuid PRIMARY KEY,
    owner text NOT NULL,
    created_at timestamptz NOT NULL,
    -- Until when those made before this one sign too.
    earlier_until timestamptz NOT NULL,
    expires_at timestamptz
);

CREATE INDEX IF NOT EXISTS webhook_secrets_of_owner ON notifier.webhook_secrets (owner);

-- Endpoints (one owner's URL) that fail or are disabled.
CREATE TABLE IF NOT EXISTS notifier.endpoints (
    endpoint_id uuid PRIMARY KEY,
    owner text NOT NULL,
    url text NOT NULL,
    failing_since timestamptz,
    last_failed_at timestamptz,
    disabled_at timestamptz,
    reason text CHECK (reason IN ('gone', 'failing'))
);

CREATE INDEX IF NOT EXISTS endpoints_of_owner ON notifier.endpoints (owner);

CREATE INDEX IF NOT EXISTS deliveries_of_owner ON notifier.deliveries (owner, created_at, delivery_id);

-- When the next attempt was due after this one.
ALTER TABLE notifier.attempts ADD COLUMN IF NOT EXISTS next_attempt_at timestamptz;
