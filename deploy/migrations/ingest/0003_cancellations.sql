-- From `cancel_requested_at` on nothing more of the request is released. `cancel_said_at` follows when Kafka has the
-- word; until then the sweeper says it. `end_state` tells a cancel that is repeated what it came to.
ALTER TABLE ingest.requests
    ADD COLUMN IF NOT EXISTS cancel_requested_at timestamptz,
    ADD COLUMN IF NOT EXISTS cancel_said_at timestamptz,
    ADD COLUMN IF NOT EXISTS end_state text;
CREATE INDEX IF NOT EXISTS requests_cancel_unsaid
    ON ingest.requests (cancel_requested_at)
    WHERE cancel_requested_at IS NOT NULL AND cancel_said_at IS NULL AND ended_at IS NULL;
