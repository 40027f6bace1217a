-- An upload whose lease has ended is under way no more, though nobody has noticed yet: its process may have died.
SELECT (SELECT count(*) FROM ingest.requests WHERE key_id = $1 AND ended_at IS NULL)
     + (SELECT count(*) FROM ingest.uploads WHERE key_id = $1 AND lease IS NOT NULL AND expires_at > $2)
