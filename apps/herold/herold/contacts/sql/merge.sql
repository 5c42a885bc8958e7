-- Contacts and endpoints. A row that says what is known already is not written.
WITH made AS (
    INSERT INTO contact (id, external_id, locale, time_zone, attributes)
    SELECT m.contact_id, s.external_id, m.locale, m.time_zone, m.attributes
    FROM merging m JOIN staged_contact s USING (line) WHERE m.is_new ORDER BY line
), patched AS (
    UPDATE contact c
    SET locale = m.locale, time_zone = m.time_zone, attributes = m.attributes, updated_at = now()
    FROM merging m
    WHERE c.id = m.contact_id AND NOT m.is_new AND (m.contact_changed OR m.endpoint_changed)
), cleared AS (
    DELETE FROM endpoint e USING merging m JOIN staged_contact s USING (line)
    WHERE m.endpoint_changed AND s.address = '' AND e.contact_id = m.contact_id AND e.channel = 'Email'
), reached AS (
    INSERT INTO endpoint (contact_id, channel, address, address_hash, domain)
    SELECT m.contact_id, 'Email', s.address, s.address_hash, s.domain
    FROM merging m JOIN staged_contact s USING (line)
    WHERE m.endpoint_changed AND s.address <> '' ORDER BY line
    ON CONFLICT (contact_id, channel) DO UPDATE
    SET address = excluded.address, address_hash = excluded.address_hash, domain = excluded.domain
)
SELECT count(*) FILTER (WHERE is_new),
       count(*) FILTER (WHERE NOT is_new AND (contact_changed OR endpoint_changed)),
       count(*) FILTER (WHERE NOT is_new AND NOT contact_changed AND NOT endpoint_changed)
FROM merging
