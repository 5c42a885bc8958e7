-- Many runs are built at the same time, each in one long transaction: none may wait for another's number or partition.
SET search_path = herold;

-- What a month needs: partitions, and a sequence of run numbers. Attached and not made as partitions, so that nobody
-- who sends waits for it.
CREATE FUNCTION make_month(p_month integer) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE
    v_table text;
    v_first integer := p_month * 1000000;
BEGIN
    IF to_regclass(format('herold.run_number_%s', p_month)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('herold.make_month'));
    FOREACH v_table IN ARRAY ARRAY['delivery', 'outcome'] LOOP
        IF to_regclass(format('herold.%I', v_table || '_' || p_month)) IS NULL THEN
            EXECUTE format('CREATE TABLE herold.%I (LIKE herold.%I INCLUDING ALL)', v_table || '_' || p_month, v_table);
            EXECUTE format('ALTER TABLE herold.%I ATTACH PARTITION herold.%I FOR VALUES FROM (%s) TO (%s)',
                           v_table, v_table || '_' || p_month, v_first, v_first + 1000000);
        END IF;
    END LOOP;
    IF to_regclass(format('herold.run_number_%s', p_month)) IS NULL THEN
        EXECUTE format('CREATE SEQUENCE herold.run_number_%s AS integer START %s MAXVALUE 999999', p_month,
                       (SELECT coalesce(max(id) - v_first, 0) + 1 FROM run
                        WHERE id >= v_first AND id < v_first + 1000000));
    END IF;
END $$;

-- month * 1,000,000 + n. A number that is not used after all leaves a gap.
CREATE OR REPLACE FUNCTION new_run_id() RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE
    v_month integer := run_month(now());
BEGIN
    PERFORM make_month(v_month);
    RETURN v_month * 1000000 + nextval(format('herold.run_number_%s', v_month)::regclass);
END $$;

-- In a transaction of its own before a long one: this month, and the next one ahead of its time.
CREATE FUNCTION make_months() RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    SELECT make_month(run_month(now()));
    SELECT make_month(run_month(now()) + 1);
$$;
