-- Rows of this batch, and how many of them were not recorded yet.
WITH known AS MATERIALIZED (
    SELECT c.id AS contact_id, s.name, s.at, s.properties
    FROM staged_event s JOIN contact c USING (external_id)
    WHERE s.line > %(after)s AND s.line <= %(to)s
), added AS (
    INSERT INTO event (contact_id, name, at, properties)
    SELECT DISTINCT contact_id, name, at, properties FROM known k
    WHERE NOT EXISTS (SELECT FROM event e WHERE e.contact_id = k.contact_id AND e.name = k.name AND e.at = k.at
                      AND e.properties = k.properties)
    RETURNING 1
)
SELECT (SELECT count(*) FROM known), (SELECT count(*) FROM added)
