-- Where each delivery stands in its schedule. A step is taken by one record: the trigger is written with it, so that a
-- crash repeats what follows from the step and nothing else.
ALTER TABLE notifier.deliveries
    ADD COLUMN IF NOT EXISTS attempts_made integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS deferrals integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS wishes integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS began_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS next_attempt_at timestamptz,
    ADD COLUMN IF NOT EXISTS step_trigger text,
    ADD COLUMN IF NOT EXISTS replay_trigger text;
