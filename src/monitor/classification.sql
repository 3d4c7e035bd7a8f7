-- monitor: classes of columns --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.classify_column(source regclass, column_name name, class text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_classify_column';
COMMENT ON FUNCTION weir.classify_column(regclass, name, text) IS
'Says what kind of data a column holds: public, internal, personal or sensitive; NULL takes it back. Values of personal and sensitive columns leave
monitors in no form: neither as minima, maxima, quantiles, categories or summaries in weir.window_stats, nor in the detail of drift scores and
alerts, nor in reports; means and deviations only of at least 10 rows. Scores, counts and shares stay. What alerts quoted of it so far is removed.
Such a column names no segments. Names of the groups of protected columns stay, being what fairness is about. The same as SECURITY LABEL FOR weir ON
COLUMN ... IS class, so the class follows renames and is dumped. For the table''s owner.';

CREATE FUNCTION weir.column_class(source regclass, column_name name) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_column_class';
COMMENT ON FUNCTION weir.column_class(regclass, name) IS 'The class of a column, as weir.classify_column set it; NULL when it has none, or there is no such column.';

CREATE FUNCTION weir.set_class_retention(class text, retention interval) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_set_class_retention';
COMMENT ON FUNCTION weir.set_class_retention(text, interval) IS
'How long what is known of columns of a class is kept, from an hour to 1000 years; NULL: no limit. Monitors that summarize such a column give up their
panes after that, whatever longer retention they have; tables of data versions with a column of that name, labelling items and answered
complaints are removed then, too (columns of sources that are monitored). For the owner of the extension.';

-- inlined: it is computed for each column of every window.
CREATE FUNCTION weir._is_withheld(class text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE(class IN ('personal', 'sensitive'), false);
COMMENT ON FUNCTION weir._is_withheld(text) IS 'True when values of a column of this class leave in no form. Internal.';

CREATE VIEW weir.column_classes AS
    SELECT l.objoid::regclass AS source, a.attname AS column_name, l.label AS class
    FROM pg_catalog.pg_seclabel l
    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) l.objoid AND a.attnum OPERATOR(pg_catalog.=) l.objsubid
    WHERE l.provider OPERATOR(pg_catalog.=) 'weir' AND l.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass;
COMMENT ON VIEW weir.column_classes IS 'Columns that were classified, with their class: public, internal, personal or sensitive.';
GRANT SELECT ON weir.column_classes TO PUBLIC;

CREATE VIEW weir.class_retentions AS SELECT class, retention FROM weir.class_retention;
COMMENT ON VIEW weir.class_retentions IS 'How long what is known of columns of each class is kept; see weir.set_class_retention.';
GRANT SELECT ON weir.class_retentions TO PUBLIC;
