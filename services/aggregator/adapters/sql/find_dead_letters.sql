SELECT topic, partition, "offset", at, code, message, request_id, subject, origin_topic, origin_partition,
       origin_offset, substring(key FOR $4) AS key, octet_length(key) AS key_bytes,
       substring(value FOR $4) AS value, octet_length(value) AS value_bytes,
       CASE WHEN octet_length(headers::text) <= $4 THEN headers END AS headers, lacks, replayed_at, replays
FROM aggregator.dead_letters_now
JOIN unnest($1::text[], $2::integer[], $3::bigint[]) AS wanted (topic, partition, "offset")
  USING (topic, partition, "offset")
