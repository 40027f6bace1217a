UPDATE aggregator.dead_letters letter
SET replayed_at = $4, replays = replays + 1
FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS done (topic, partition, "offset")
WHERE letter.topic = done.topic AND letter.partition = done.partition AND letter."offset" = done."offset"
