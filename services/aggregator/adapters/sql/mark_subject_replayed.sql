INSERT INTO aggregator.replayed_subjects AS known (subject, topic, replayed_at, replays)
VALUES ($1, $2, $3, 1)
ON CONFLICT (subject, topic) DO UPDATE
SET replayed_at = excluded.replayed_at, replays = known.replays + 1
