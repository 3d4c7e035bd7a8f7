-- Everything that extension weir has in a database, one line for each fact, without what differs between two installations of the same
-- version (OIDs, order of creation). Two databases have the same extension when this says the same of both.
SET search_path = pg_catalog;
WITH extension AS (
    SELECT * FROM pg_extension WHERE extname = 'weir'
), member AS (
    SELECT d.classid, d.objid, i.type, i.identity
    FROM extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e',
         pg_identify_object(d.classid, d.objid, 0) i
), relation AS (
    SELECT c.*, m.identity FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
), kept AS ( -- of these relations pg_dump carries rows
    SELECT c.oid AS relid, e.extcondition[n.i] AS condition
    FROM extension e, generate_subscripts(e.extconfig, 1) n(i) JOIN pg_class c ON true WHERE c.oid = e.extconfig[n.i]
), fact(object, fact) AS (
    SELECT 'extension', format('version %s, schema %s, relocatable %s', extversion, extnamespace::regnamespace, extrelocatable) FROM extension
    UNION ALL
    SELECT format('%s %s', m.type, m.identity), format('comment: %s', coalesce(obj_description(m.objid, m.classid::regclass::name), 'none')) FROM member m
    UNION ALL
    SELECT format('%s %s', m.type, m.identity), format('granted: %s', (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.initprivs) a))
    FROM member m JOIN pg_init_privs p ON p.classoid = m.classid AND p.objoid = m.objid AND p.objsubid = 0
    UNION ALL
    SELECT format('relation %s', r.identity),
           format('kind %s, persistence %s, options %s, row security %s %s, replica identity %s, granted %s', r.relkind, r.relpersistence, r.reloptions,
                  r.relrowsecurity, r.relforcerowsecurity, r.relreplident, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(r.relacl) a))
    FROM relation r
    UNION ALL
    SELECT format('relation %s', r.identity),
           format('column %s: %s %s, default %s, identity "%s", generated "%s", not null %s, storage %s, options %s, granted %s, comment %s', a.attname,
                  format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attnotnull,
                  a.attstorage, (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(a.attoptions) o WHERE o LIKE 'n\_distinct%'),
                  (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(a.attacl) x), col_description(r.oid, a.attnum))
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    UNION ALL
    -- Rows of these types are made by position, too.
    SELECT format('relation %s', r.identity), format('columns in order: %s', (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
           WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped))
    FROM relation r
    UNION ALL
    SELECT format('relation %s', r.identity), format('constraint %s: %s', c.conname, pg_get_constraintdef(c.oid)) FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid
    UNION ALL
    SELECT format('relation %s', r.identity), format('index: %s', pg_get_indexdef(i.indexrelid)) FROM relation r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL
    SELECT format('relation %s', r.identity), format('trigger: %s', pg_get_triggerdef(t.oid)) FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT format('relation %s', r.identity), format('rule: %s', pg_get_ruledef(w.oid)) FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid
    UNION ALL
    SELECT format('relation %s', r.identity), format('policy %s: %s %s %s using %s check %s', p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[],
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL
    SELECT format('relation %s', r.identity), format('sequence: %s from %s by %s, %s to %s, cache %s, cycle %s, of %s', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
           s.seqcache, s.seqcycle, (SELECT format('%s %s', i.identity, d.deptype) FROM pg_depend d, pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) i
           WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')))
    FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
    UNION ALL
    SELECT format('relation %s', r.identity), format('rows in dumps: %s', coalesce(nullif(k.condition, ''), 'all')) FROM relation r JOIN kept k ON k.relid = r.oid
    UNION ALL
    -- The library's path says where it was installed.
    SELECT format('function %s', m.identity), format('%s, cost %s, rows %s, support %s, settings %s, granted %s', pg_get_functiondef(p.oid), p.procost, p.prorows, p.prosupport,
           p.proconfig, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.proacl) a))
    FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE p.prokind <> 'a'
    UNION ALL
    SELECT format('aggregate %s', m.identity),
           format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid), (SELECT string_agg(format('%s %s', key, CASE WHEN key ~ '^(aggtranstype|aggmtranstype)$' THEN value::oid::regtype::text
                  WHEN key = 'aggsortop' THEN value::oid::regoperator::text ELSE value END), ', ' ORDER BY key) FROM jsonb_each_text(to_jsonb(a) - 'aggfnoid')))
    FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid JOIN pg_aggregate a ON a.aggfnoid = p.oid
    UNION ALL
    SELECT format('aggregate %s', m.identity), format('returns %s, parallel %s, volatile %s', pg_get_function_result(p.oid), p.proparallel, p.provolatile)
    FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE p.prokind = 'a'
    UNION ALL
    SELECT format('type %s', m.identity),
           format('kind %s, length %s, by value %s, category %s %s, delimiter "%s", element %s, in %s, out %s, receive %s, send %s, '
                  || 'modifiers %s %s, analyze %s, subscript %s, align %s, storage %s, collation %s, not null %s, base %s, default %s',
                  t.typtype, t.typlen, t.typbyval, t.typcategory, t.typispreferred, t.typdelim, t.typelem::regtype, t.typinput, t.typoutput, t.typreceive, t.typsend,
                  t.typmodin, t.typmodout, t.typanalyze, t.typsubscript, t.typalign, t.typstorage, t.typcollation::regcollation, t.typnotnull, t.typbasetype::regtype, t.typdefault)
    FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
    UNION ALL
    SELECT format('type %s', m.identity), format('constraint %s: %s', c.conname, pg_get_constraintdef(c.oid))
    FROM member m JOIN pg_constraint c ON m.classid = 'pg_type'::regclass AND c.contypid = m.objid
    UNION ALL
    SELECT format('type %s', m.identity), format('label %s: %s', row_number() OVER (PARTITION BY m.objid ORDER BY e.enumsortorder), e.enumlabel)
    FROM member m JOIN pg_enum e ON m.classid = 'pg_type'::regclass AND e.enumtypid = m.objid
    UNION ALL
    SELECT format('cast %s', m.identity), format('by %s, context %s, method %s', c.castfunc::regprocedure, c.castcontext, c.castmethod)
    FROM member m JOIN pg_cast c ON m.classid = 'pg_cast'::regclass AND m.objid = c.oid
    UNION ALL
    SELECT format('operator %s', m.identity), format('%s, commutator %s, negator %s, restrict %s, join %s, hashes %s, merges %s', o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator,
           o.oprrest, o.oprjoin, o.oprcanhash, o.oprcanmerge)
    FROM member m JOIN pg_operator o ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
    UNION ALL
    SELECT format('operator class %s', m.identity), format('method %s, for %s, default %s, %s %s', (SELECT amname FROM pg_am WHERE oid = c.opcmethod), c.opcintype::regtype, c.opcdefault,
           (SELECT string_agg(format('%s %s', amopstrategy, amopopr::regoperator), ', ' ORDER BY amopstrategy) FROM pg_amop WHERE amopfamily = c.opcfamily),
           (SELECT string_agg(format('%s %s', amprocnum, amproc::regprocedure), ', ' ORDER BY amprocnum) FROM pg_amproc WHERE amprocfamily = c.opcfamily))
    FROM member m JOIN pg_opclass c ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid
    UNION ALL
    SELECT format('event trigger %s', m.identity), format('%s by %s, enabled %s, tags %s', t.evtevent, t.evtfoid::regprocedure, t.evtenabled, t.evttags)
    FROM member m JOIN pg_event_trigger t ON m.classid = 'pg_event_trigger'::regclass AND m.objid = t.oid
    UNION ALL
    -- What the installation fills in itself: its defaults. Tables that begin empty have no line here.
    SELECT format('relation %s', r.identity), format('rows at first: %s', (xpath('/table/row', x)))
    FROM relation r, query_to_xml(format('SELECT to_jsonb(t)::text AS row FROM %s t ORDER BY 1', r.oid::regclass), true, false, '') x
    WHERE r.relkind = 'r' AND pg_relation_size(r.oid) > 0
)
SELECT replace(format('%s: %s', object, fact), E'\n', '\n') FROM fact ORDER BY object COLLATE "C", fact COLLATE "C";
