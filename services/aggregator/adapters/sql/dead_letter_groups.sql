SELECT topic, code, count(*) AS count, count(replayed_at) AS replayed, max(at) AS newest_at
FROM aggregator.dead_letters_now
WHERE topic = ANY ($1) AND ($2::text IS NULL OR code = $2) AND ($3::uuid IS NULL OR request_id = $3)
GROUP BY topic, code
ORDER BY newest_at DESC, topic, code
LIMIT $4
