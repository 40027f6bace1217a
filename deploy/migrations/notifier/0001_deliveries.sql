CREATE SCHEMA IF NOT EXISTS notifier;

-- One row for each body owed to one URL. The body is kept as it was first made: what is signed must stay the same.
CREATE TABLE IF NOT EXISTS notifier.deliveries (
    delivery_id uuid PRIMARY KEY,
    request_id uuid NOT NULL,
    owner text NOT NULL,
    type text NOT NULL,
    url text NOT NULL,
    body text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
);

CREATE INDEX IF NOT EXISTS deliveries_of_request ON notifier.deliveries (request_id);

CREATE TABLE IF NOT EXISTS notifier.attempts (
    delivery_id uuid NOT NULL REFERENCES notifier.deliveries ON DELETE CASCADE,
    n integer NOT NULL CHECK (n >= 1),
    at timestamptz NOT NULL,
    "trigger" text NOT NULL,
    duration_ms integer NOT NULL,
    status integer,
    error_code text,
    error_message text,
    response text,
    PRIMARY KEY (delivery_id, n)
);
