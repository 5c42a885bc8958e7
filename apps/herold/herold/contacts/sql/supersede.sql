-- Two rows about one person: the last is taken. Consents are evidence, and none of it is lost.
WITH last AS (
    SELECT external_id, max(line) AS line FROM staged_contact GROUP BY external_id HAVING count(*) > 1
), gone AS (
    DELETE FROM staged_contact s USING last
    WHERE s.external_id = last.external_id AND s.line < last.line
    RETURNING s.line, last.line AS owner
), moved AS (
    UPDATE staged_consent c SET owner = gone.owner FROM gone WHERE c.owner = gone.line
)
SELECT count(*) FROM gone
