WITH forgotten AS (DELETE FROM aggregator.replayed_subjects WHERE subject = $1::uuid::text)
DELETE FROM aggregator.dead_letters
WHERE ctid = ANY (ARRAY(SELECT ctid FROM aggregator.dead_letters WHERE request_id = $1 LIMIT $2))
