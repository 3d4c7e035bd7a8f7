-- What every object of the extension keeps to. Each query returns what does not: no rows.
CREATE TEMP VIEW object AS
SELECT d.classid, d.objid, i.type, i.identity
FROM pg_depend d, LATERAL pg_identify_object(d.classid, d.objid, 0) i
WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'weir');

SELECT count(*) > 100 AS there_are_objects, count(DISTINCT type) >= 5 AS of_several_kinds FROM object;

-- a comment on everything that people see; what begins with an underscore is internal
SELECT type, identity FROM object
WHERE type IN ('schema', 'function', 'procedure', 'aggregate', 'type', 'view', 'table', 'operator', 'operator class', 'cast')
  AND obj_description(objid, classid::regclass::name) IS NULL
  AND NOT (type IN ('function', 'procedure', 'aggregate') AND (SELECT proname FROM pg_proc p WHERE p.oid = objid) LIKE E'\\_%')
  -- types of rows and arrays follow their tables and elements
  AND NOT (type = 'type' AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                                     WHERE t.oid = objid AND (t.typelem <> 0 OR c.relkind <> 'c')))
ORDER BY 1, 2;

-- everything is in schema weir
SELECT type, identity FROM object WHERE type NOT IN ('schema', 'cast', 'event trigger') AND identity !~ '\mweir\.' ORDER BY 1, 2;

-- arguments that cannot be written name => value, or that have no name
SELECT p.oid::regprocedure AS function, a.name AS argument
FROM object o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass,
     unnest(p.proargnames, p.proargmodes) WITH ORDINALITY AS a(name, mode, ordinal)
     JOIN pg_get_keywords() k ON k.word = a.name
WHERE coalesce(a.mode, 'i') IN ('i', 'b', 'v') AND k.catcode IN ('R', 'C')
ORDER BY 1, 2;
SELECT p.oid::regprocedure AS function
FROM object o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
WHERE p.pronargs >= 3 AND p.prokind IN ('f', 'p') AND p.proargnames IS NULL
  AND p.prorettype <> 'internal'::regtype AND NOT 'internal'::regtype::oid = ANY (p.proargtypes) AND p.proname !~ '^_' AND p.proname !~ '_recv$|_in$'
ORDER BY 1;

-- functions called like one of PostgreSQL's own: with weir in search_path, plain queries could mean another; but slope(point, point), which
-- matches exactly and so stays what is meant with points
SELECT DISTINCT p.oid::regprocedure AS function
FROM object o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
     JOIN pg_proc b ON b.proname = p.proname AND b.pronamespace = 'pg_catalog'::regnamespace
WHERE p.proname <> 'slope'
ORDER BY 1;

-- security: functions in SQL pin their path, none runs as its owner, tables are granted to nobody
SELECT p.oid::regprocedure AS function, l.lanname, p.prosecdef, p.proconfig
FROM object o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass JOIN pg_language l ON l.oid = p.prolang
WHERE p.prosecdef
   OR (l.lanname IN ('sql', 'plpgsql') AND p.prosqlbody IS NULL AND NOT coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'
       AND coalesce(obj_description(p.oid, 'pg_proc'), '') !~ 'inlined')
ORDER BY 1;
SELECT o.type, o.identity, c.relacl
FROM object o JOIN pg_class c ON c.oid = o.objid AND o.classid = 'pg_class'::regclass
WHERE c.relkind IN ('r', 'p', 'S') AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner)
ORDER BY 2;
-- what is internal cannot be called by everybody, but through a view (whose functions run with the privileges of who reads it)
SELECT p.oid::regprocedure AS function
FROM object o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
WHERE p.proname LIKE E'\\_%' AND has_function_privilege('public', p.oid, 'EXECUTE') AND p.provolatile = 'v'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refobjid = p.oid AND d.refclassid = 'pg_proc'::regclass AND d.classid = 'pg_rewrite'::regclass)
ORDER BY 1;

-- C functions say what the planner may do with them: volatile ones are not called parallel safe, others are not left unsafe
SELECT p.oid::regprocedure AS function, p.provolatile, p.proparallel
FROM object o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
WHERE p.prokind IN ('f', 'a', 'w') AND p.provolatile IN ('i', 's') AND p.proparallel = 'u'
ORDER BY 1;
-- aggregates can be computed in parallel and by parts, but for those that need an order
SELECT a.aggfnoid::regprocedure AS aggregate
FROM object o JOIN pg_aggregate a ON a.aggfnoid = o.objid AND o.classid = 'pg_proc'::regclass
WHERE a.aggcombinefn = 0 AND a.aggkind = 'n' AND coalesce(obj_description(a.aggfnoid, 'pg_proc'), '') !~* 'order'
ORDER BY 1;

-- times are called ..._at
SELECT c.relname AS view, a.attname AS "column"
FROM object o JOIN pg_class c ON c.oid = o.objid AND o.classid = 'pg_class'::regclass AND c.relkind = 'v' JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relname !~ '^_' AND a.atttypid = 'timestamptz'::regtype AND a.attname !~ '_(at|since|until)$|^window_(start|end)$|^(since|until|run_after|evaluated_to|watermark)$'
ORDER BY 1, 2;

-- nothing that is NULL is a way into memory: functions in C that take it get nothing else, and answer or say what is missing
CREATE FUNCTION pg_temp.called_with_nulls(OUT function regprocedure, OUT error text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    FOR function IN
        SELECT p.oid FROM object o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass JOIN pg_language l ON l.oid = p.prolang
        WHERE l.lanname = 'c' AND p.prokind = 'f' AND NOT p.proisstrict AND p.pronargs > 0 AND 'internal'::regtype <> ALL (p.proargtypes::oid[])
            AND p.proname !~ '^wait_for'
    LOOP
        BEGIN
            EXECUTE (SELECT format('SELECT count(*) FROM %s(%s)', p.oid::regproc,
                         string_agg(CASE WHEN p.provariadic <> 0 AND a.type <> '"any"'::regtype AND a.number = p.pronargs THEN 'VARIADIC ' ELSE '' END
                                    || CASE a.type WHEN '"any"'::regtype THEN 'NULL::text' WHEN 'record'::regtype THEN 'NULL::pg_class' WHEN 'anyelement'::regtype THEN 'NULL::text'
                                                   WHEN 'anyarray'::regtype THEN 'NULL::text[]' ELSE 'NULL::' || format_type(a.type, NULL) END, ', ' ORDER BY a.number))
                     FROM pg_proc p, unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, number) WHERE p.oid = function GROUP BY p.oid);
            RAISE EXCEPTION USING ERRCODE = '40000';    -- whatever it did
        EXCEPTION WHEN OTHERS THEN
            error := SQLSTATE || ' ' || SQLERRM;
            IF SQLSTATE ~ '^(XX|42601|42725|42883)' THEN
                RETURN NEXT;
            END IF;
        END;
    END LOOP;
END $$;
SELECT * FROM pg_temp.called_with_nulls();
