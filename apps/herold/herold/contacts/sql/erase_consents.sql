-- That consent was given stays provable; what the person read and typed goes. The log can't be changed, so its rows
-- are written anew without the wording. Whatever is still granted is withdrawn.
WITH gone AS (
    DELETE FROM consent WHERE contact_id = %(contact)s RETURNING *
)
INSERT INTO consent (contact_id, subject, granted, at, source, recorded_at)
SELECT contact_id, subject, granted, at, source, recorded_at FROM gone
UNION ALL
SELECT contact_id, subject, false, greatest(now(), at), 'erasure', now()
FROM consent_current WHERE contact_id = %(contact)s AND granted
