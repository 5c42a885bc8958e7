-- Who is meant, and what would be different afterwards.
INSERT INTO merging
SELECT line, coalesce(id, nextval(pg_get_serial_sequence('contact', 'id'))), id IS NULL,
       (locale, time_zone, attributes) IS DISTINCT FROM (old_locale, old_time_zone, old_attributes),
       address IS NOT NULL AND (nullif(address, ''), address_hash) IS DISTINCT FROM (old_address, old_hash),
       locale, time_zone, attributes
FROM (
    SELECT s.line, s.address, s.address_hash, c.id,
           CASE WHEN s.locale IS NULL THEN c.locale ELSE nullif(s.locale, '') END AS locale,
           CASE WHEN s.time_zone IS NULL THEN c.time_zone ELSE nullif(s.time_zone, '') END AS time_zone,
           jsonb_strip_nulls(coalesce(c.attributes, '{}') || s.attributes) AS attributes,
           c.locale AS old_locale, c.time_zone AS old_time_zone, c.attributes AS old_attributes,
           e.address AS old_address, e.address_hash AS old_hash
    FROM staged_contact s
    LEFT JOIN contact c ON c.external_id = s.external_id
    LEFT JOIN endpoint e ON e.contact_id = c.id AND e.channel = 'Email'
    WHERE s.line > %(after)s AND s.line <= %(to)s
    ORDER BY s.line
) AS both_sides
