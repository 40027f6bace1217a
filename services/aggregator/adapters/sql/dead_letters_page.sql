-- Keys, values and headers may be large: a list has the beginning of them.
SELECT topic, partition, "offset", at, code, message, request_id, subject, origin_topic, origin_partition,
       origin_offset, substring(key FOR $9) AS key, octet_length(key) AS key_bytes,
       substring(value FOR $9) AS value, octet_length(value) AS value_bytes,
       CASE WHEN octet_length(headers::text) <= $9 THEN headers END AS headers, lacks, replayed_at, replays
FROM aggregator.dead_letters_now
WHERE topic = ANY ($1) AND ($2::text IS NULL OR code = $2) AND ($3::uuid IS NULL OR request_id = $3)
  AND (at, topic, partition, "offset") < ($4, $5, $6, $7)
ORDER BY at DESC, topic DESC, partition DESC, "offset" DESC
LIMIT $8
