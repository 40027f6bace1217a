SELECT (SELECT count(*) FROM ingest.requests WHERE key_id = $1 AND ended_at IS NULL)
     + (SELECT count(*) FROM ingest.uploads WHERE key_id = $1 AND lease IS NOT NULL)
