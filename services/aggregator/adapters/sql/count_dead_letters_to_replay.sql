SELECT count(*)
FROM aggregator.dead_letters_now
WHERE topic = ANY ($1) AND ($2::text IS NULL OR code = $2) AND ($3::uuid IS NULL OR request_id = $3)
  AND replayed_at IS NULL AND (at, topic, partition, "offset") > ($4, $5, $6, $7)
