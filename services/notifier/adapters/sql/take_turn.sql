-- Nothing comes back while another redelivery of the owner holds it off.
INSERT INTO notifier.redelivery_turns AS turn (owner, busy_until)
VALUES ($1, $2)
ON CONFLICT (owner) DO UPDATE SET busy_until = excluded.busy_until WHERE turn.busy_until <= $3
RETURNING busy_until
