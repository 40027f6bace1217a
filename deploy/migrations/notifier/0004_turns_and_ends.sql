-- Until when an owner's latest redelivery holds off the next one: while it runs, and until what it scheduled is due.
CREATE TABLE IF NOT EXISTS notifier.redelivery_turns (
    owner text PRIMARY KEY,
    busy_until timestamptz NOT NULL
);

-- Until when an owner's webhooks are signed with what it had before its first secret. Nothing removes these rows: what
-- has ended signs no more, whatever becomes of the secrets after it.
CREATE TABLE IF NOT EXISTS notifier.inherited_secrets (
    owner text PRIMARY KEY,
    signs_until timestamptz NOT NULL
);

INSERT INTO notifier.inherited_secrets (owner, signs_until)
SELECT owner, min(earlier_until) FROM notifier.webhook_secrets GROUP BY owner
ON CONFLICT (owner) DO NOTHING;

-- Whether an endpoint has a delivery left. Of the URL a digest: a URL can be longer than an index entry.
CREATE INDEX IF NOT EXISTS deliveries_of_endpoint ON notifier.deliveries (owner, md5(url));

CREATE INDEX IF NOT EXISTS endpoints_by_last_failure ON notifier.endpoints (last_failed_at) WHERE disabled_at IS NULL;
