-- While there are letters of a subject, it is known that they were replayed.
DELETE FROM aggregator.replayed_subjects
WHERE ctid = ANY (ARRAY(
    SELECT old.ctid FROM aggregator.replayed_subjects old
    WHERE topic = $1 AND replayed_at < $2
      AND NOT EXISTS (SELECT FROM aggregator.dead_letters letter
                      WHERE letter.topic = old.topic AND letter.subject = old.subject)
    LIMIT $3))
