-- One scan of the run's outcomes, grouped three ways: by what was said, by the number of the try, by second.
-- Details of what was sent name the relay's own ids, one a message: they are of no group.
SELECT grouping(code, enhanced, reason) = 0 AS said, grouping(attempt) = 0 AS tried, kind::text,
       code, enhanced, reason, attempt, second, count(*) AS people, min(detail) AS example
FROM (
    SELECT kind, attempt, code, enhanced, date_trunc('second', at) AS second,
           CASE WHEN kind = 'sent' THEN NULL ELSE left(detail, 200) END AS detail,
           CASE WHEN kind = 'sent' THEN CASE detail WHEN 'FromEvidence' THEN detail END
                WHEN code IS NULL OR detail LIKE 'TooManyAttempts:%%' THEN left(split_part(detail, ':', 1), 60)
           END AS reason
    FROM outcome WHERE run_id = %(run)s
) o
GROUP BY GROUPING SETS ((kind, code, enhanced, reason), (kind, attempt), (kind, second))
