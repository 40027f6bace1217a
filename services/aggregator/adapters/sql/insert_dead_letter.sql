-- A record at the same place with another time belongs to a topic that was made anew.
INSERT INTO aggregator.dead_letters AS known
    (topic, partition, "offset", at, code, message, request_id, subject,
     origin_topic, origin_partition, origin_offset, key, value, headers, lacks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (topic, partition, "offset") DO UPDATE
SET at = excluded.at, code = excluded.code, message = excluded.message, request_id = excluded.request_id,
    subject = excluded.subject, origin_topic = excluded.origin_topic, origin_partition = excluded.origin_partition,
    origin_offset = excluded.origin_offset, key = excluded.key, value = excluded.value, headers = excluded.headers,
    lacks = excluded.lacks, replayed_at = NULL, replays = 0
WHERE known.at <> excluded.at
