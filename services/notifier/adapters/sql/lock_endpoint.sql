-- The row as it stands, made when there is none, and locked: attempts at one endpoint end one after another.
INSERT INTO notifier.endpoints (endpoint_id, owner, url)
VALUES ($1, $2, $3)
ON CONFLICT (endpoint_id) DO UPDATE SET url = excluded.url
RETURNING *
