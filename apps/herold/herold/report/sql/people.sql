-- One scan of the run's deliveries with what became of them, by domain and by locale. kind is NULL for those who wait.
SELECT grouping(domain) = 0 AS by_domain, domain, locale, kind::text, count(*) AS people
FROM (
    SELECT e.domain, c.locale, o.kind
    FROM delivery d
    LEFT JOIN outcome o ON o.run_id = d.run_id AND o.position = d.position AND o.kind <> 'deferred'
    LEFT JOIN endpoint e ON e.contact_id = d.contact_id AND e.channel = 'Email' AND e.address_hash = d.address_hash
    LEFT JOIN contact c ON c.id = d.contact_id
    WHERE d.run_id = %(run)s
) p
GROUP BY GROUPING SETS ((domain, kind), (locale, kind))
