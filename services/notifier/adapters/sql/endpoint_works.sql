-- One that is disabled stays so: only a person enables it.
DELETE FROM notifier.endpoints WHERE endpoint_id = $1 AND disabled_at IS NULL
