-- governance: erasure ----------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.erase_subject(source regclass, key_column name, key text, reason text, delete_rows boolean = true)
    RETURNS TABLE (what text, name text, n bigint, note text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_erase_subject';
COMMENT ON FUNCTION weir.erase_subject(regclass, name, text, text, boolean) IS
'Erases what is known of one person or case: the rows of a table where key_column is key, a value of its type. The rows themselves (unless delete_rows is false: then keep them
away first, or they come back), those of materialised data versions whose queries read the table, with a column of that name, labels in tables of their own, labelling items, golden records
and matched pairs; predictions whose subject is the primary key of such a row, of the monitors'' models whose owner the caller is a member of;
complaints lose what they say and stay counted; alerts that quote key, or a value that no other row has, lose their explanation. Panes that held the rows are built anew in the
background, so that minima, maxima and sketches forget them, too. A row for each of these, with how much was erased; n NULL: not erased, note says why and what to do
(data versions of others, or made of other tables that have the key in a column of that name, models trained on the rows, learners that learned from them, tables
that weir.join_labels keeps, baselines taken from a query, monitors that ignore deletion). The audit log keeps that and why, not who. For the table''s owner; in one
transaction.';
