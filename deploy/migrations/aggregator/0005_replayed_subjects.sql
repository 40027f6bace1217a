-- Subjects whose letters were replayed all at once, those included that come later: the requests of images. One row
-- stands for any number of letters.
CREATE TABLE IF NOT EXISTS aggregator.replayed_subjects (
    subject     text NOT NULL,
    topic       text NOT NULL,
    replayed_at timestamptz NOT NULL,
    replays     integer NOT NULL,
    PRIMARY KEY (subject, topic)
);

INSERT INTO aggregator.replayed_subjects (subject, topic, replayed_at, replays)
SELECT subject, topic, max(replayed_at), max(replays)
FROM aggregator.dead_letters
WHERE topic LIKE '%images.dlt.v1' AND subject IS NOT NULL AND replayed_at IS NOT NULL
GROUP BY subject, topic
ON CONFLICT DO NOTHING;

-- What did not fit into the letter, as `value=3000000`.
ALTER TABLE aggregator.dead_letters ADD COLUMN IF NOT EXISTS lacks text;

DROP INDEX IF EXISTS aggregator.dead_letters_to_replay;
CREATE INDEX IF NOT EXISTS dead_letters_by_subject
    ON aggregator.dead_letters (topic, subject) WHERE subject IS NOT NULL;

-- Letters, each with the replays of its own and of its subject.
CREATE OR REPLACE VIEW aggregator.dead_letters_now AS
SELECT letter.topic, letter.partition, letter."offset", letter.at, letter.code, letter.message, letter.request_id,
       letter.subject, letter.origin_topic, letter.origin_partition, letter.origin_offset, letter.key, letter.value,
       letter.headers, letter.lacks, greatest(letter.replayed_at, together.replayed_at) AS replayed_at,
       greatest(letter.replays, together.replays) AS replays
FROM aggregator.dead_letters letter
LEFT JOIN aggregator.replayed_subjects together
    ON together.subject = letter.subject AND together.topic = letter.topic;
