CREATE TABLE t (begin INTEGER, "end" INTEGER, declare_x TEXT, loop TEXT);

-- The body holds everything that looks like an end.
CREATE TEMP TRIGGER IF NOT EXISTS keep AFTER UPDATE OF begin ON t
WHEN new.begin > CASE WHEN old.begin IS NULL THEN 0 ELSE old.begin END
BEGIN
    UPDATE t SET loop = CASE WHEN begin THEN 'END;' ELSE '' END;
    /* END; */ DELETE FROM t WHERE "end" = 1; -- END;
    INSERT INTO t (declare_x) VALUES ('; END;');
END;
EXPLAIN CREATE TRIGGER never AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END; DROP TRIGGER keep;
