-- At the first secret; a later one can only bring the end nearer.
INSERT INTO notifier.inherited_secrets AS inherited (owner, signs_until)
VALUES ($1, $2)
ON CONFLICT (owner) DO UPDATE SET signs_until = least(inherited.signs_until, excluded.signs_until)
