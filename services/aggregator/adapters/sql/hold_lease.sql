-- Time is the database's own: holders need not agree on it.
INSERT INTO aggregator.leases AS lease (name, holder, expires_at)
VALUES ($1, $2, now() + $3)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE lease.holder = excluded.holder OR lease.expires_at <= now()
RETURNING holder
