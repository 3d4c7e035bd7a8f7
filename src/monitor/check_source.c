/*
 * check_source.c
 *		Can this table be monitored, and does it have the columns that the definition names.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "capture/capture.h"
#include "catalog/catalog.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "fairness/fairness_datum.h"
#include "monitor/classification.h"
#include "monitor/definition.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

/* ---- the table ---- */

pg_noreturn static void
refuse_relation(Relation relation, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" cannot be monitored", RelationGetRelationName(relation)),
			 errdetail("%s", detail), errhint("%s", hint)));
}

/* All partitions and children take part, so each must be in the write-ahead log. */
static void
check_children(Relation relation)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(RelationGetRelid(relation), NoLock, NULL))
	{
		Oid			child = lfirst_oid(cell);
		char		kind = get_rel_relkind(child);

		if (kind == RELKIND_FOREIGN_TABLE || (kind == RELKIND_RELATION && get_rel_persistence(child) == RELPERSISTENCE_UNLOGGED))
			refuse_relation(
				relation,
				psprintf("Its partition or child \"%s\" is %s: changes of its rows are not in this server's write-ahead log.",
						 get_rel_name(child), kind == RELKIND_FOREIGN_TABLE ? "a foreign table" : "unlogged"),
				"Monitor the tables that are, each by itself, or make all of them ordinary ones.");
	}
}

static void
check_relation(Relation relation)
{
	const char *tables = "Monitor the table that the rows come from.";

	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE: break;
		case RELKIND_VIEW: refuse_relation(relation, "It is a view: it has no rows of its own.", tables);
		case RELKIND_MATVIEW: refuse_relation(relation, "It is a materialized view: refreshing it replaces its rows.", tables);
		case RELKIND_FOREIGN_TABLE:
			refuse_relation(relation, "It is a foreign table: its changes are not in this server's write-ahead log.",
							"Create the monitor in the database where the table is, or replicate the table to this one.");
		default: refuse_relation(relation, "It is not a table.", tables);
	}
	if (IsCatalogRelation(relation) || IsToastRelation(relation) || RelationGetNamespace(relation) == PG_CATALOG_NAMESPACE)
		refuse_relation(relation, "It is a system table.", "Monitor a table of your own.");
	if (RelationGetNamespace(relation) == extension_schema())
		refuse_relation(relation, "It belongs to weir itself.", "Monitor a table of your own.");
	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		refuse_relation(relation, "It is a temporary table: its changes are not in the write-ahead log.", "Use a permanent table.");
	if (relation->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
		refuse_relation(relation, "It is an unlogged table: its changes are not in the write-ahead log.",
						psprintf("Run ALTER TABLE %s SET LOGGED.",
								 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
															RelationGetRelationName(relation))));
	check_children(relation);
	if (check_enable_rls(RelationGetRelid(relation), relation->rd_rel->relowner, true) == RLS_ENABLED)
		refuse_relation(
			relation,
			"Its row-level security binds its owner too: capture would see rows that a build, which reads as the owner, does not.",
			"Run ALTER TABLE ... NO FORCE ROW LEVEL SECURITY, or give the owner BYPASSRLS.");
	if (relation->rd_rel->relispartition)
	{
		List	   *ancestors = get_partition_ancestors(RelationGetRelid(relation));
		Oid			root = llast_oid(ancestors);

		refuse_relation(
			relation, "It is a partition of another table.",
			psprintf("Monitor %s: it stands for the rows of all its partitions; segment_by or filter can tell them apart.",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(root)), get_rel_name(root))));
	}
}

Relation
open_source(Oid source)
{
	Relation	relation;

	if (get_rel_name(source) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", source)));
	/* The mode of any reader: it only keeps the table from being dropped or altered until this transaction ends. */
	relation = relation_open(source, AccessShareLock);
	check_relation(relation);
	require_table_owner(source);
	return relation;
}

/* ---- columns ---- */

static Form_pg_attribute
find_column(Relation source, const char *name, const char *what)
{
	TupleDesc	columns = RelationGetDescr(source);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (column->attisdropped || strcmp(NameStr(column->attname), name) != 0)
			continue;
		if (column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s \"%s\" is a virtual generated column", what, name),
					 errdetail("Its values are not stored, so they are not in the write-ahead log."),
					 errhint("Make it a stored generated column, or monitor the columns that it is computed from.")));
		return column;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("%s \"%s\" of table \"%s\" does not exist", what, name, RelationGetRelationName(source))));
}

static void
check_category(Relation source, const char *name, const char *what)
{
	Form_pg_attribute column = find_column(source, name, what);
	ValueReader reader;

	if (!value_reader_init(&reader, column->atttypid, SUMMARY_CATEGORY, CurrentMemoryContext))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s \"%s\" is of type %s, whose values cannot be told apart as categories", what, name,
						format_type_be(column->atttypid)),
				 errhint("Use a column of text, integers, boolean, an enum, uuid or date.")));
}

static void
check_categories(Relation source, List *names, const char *what)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		char	   *name = lfirst(cell);

		check_category(source, name, what);
		for (int i = 0; i < foreach_current_index(cell); i++)
			if (strcmp(list_nth(names, i), name) == 0)
				ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("%s \"%s\" is named twice", what, name)));
	}
}

/* A value that no row can have would make every row a negative one. */
static void
check_positive_label(Oid type, const char *name, const char *what, const char *positive)
{
	Oid			base = getBaseType(type);

	if (get_typtype(base) != TYPTYPE_ENUM ||
		(strlen(positive) < NAMEDATALEN &&
		 SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(base), CStringGetDatum(positive))))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("positive \"%s\" is no label of enum %s", positive, format_type_be(base)),
			 errdetail("It is the type of %s \"%s\": no row would be positive.", what, name),
			 errhint("Name the label that counts as positive; one that is to come is added with ALTER TYPE ... ADD VALUE first.")));
}

static void
check_outcome(Relation source, const char *name, const char *what, const char *positive)
{
	Form_pg_attribute column;
	OutcomeReader reader;

	if (name == NULL)
		return;
	column = find_column(source, name, what);
	if (!outcome_reader_init(&reader, column->atttypid, positive, CurrentMemoryContext))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s \"%s\" is of type %s, which is neither boolean nor a number", what, name,
						format_type_be(column->atttypid)),
				 errhint("Name the value that counts as positive: positive => 'yes'.")));
	if (reader.positive != NULL)
		check_positive_label(column->atttypid, name, what, positive);
}

static void
check_time_column(Relation source, const char *name)
{
	Form_pg_attribute column = find_column(source, name, "time column");
	Oid			type = getBaseType(column->atttypid);

	if (type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("time column \"%s\" is of type %s", name, format_type_be(column->atttypid)),
				 errdetail("Event time is a timestamptz, a timestamp or a date (both taken as UTC)."),
				 errhint("Name the column that says when the event happened, or add a stored generated one.")));
}

static SummaryUnit
check_number(Relation source, const char *name, const char *what)
{
	Form_pg_attribute column = find_column(source, name, what);
	ValueReader reader;

	if (!value_reader_init(&reader, column->atttypid, SUMMARY_NUMERIC, CurrentMemoryContext))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s \"%s\" is of type %s, which is not a number", what, name, format_type_be(column->atttypid)),
				 errhint("A stored generated column can hold it as a number.")));
	return reader.unit;
}

void
check_task_columns(const MonitorDefinition *definition, Relation source, MonitorTask task)
{
	/* Fairness is of outcomes, whatever the task is. */
	if (task == TASK_NONE || task == TASK_BINARY || definition->protected_columns != NIL)
	{
		check_outcome(source, definition->prediction, "prediction column", definition->positive);
		check_outcome(source, definition->label, "label column", definition->positive);
	}
	if (task == TASK_CLASS)
	{
		check_category(source, definition->label, "label column");
		check_category(source, definition->prediction, "prediction column");
	}
	if (task == TASK_REGRESSION &&
		check_number(source, definition->label, "label column") !=
			check_number(source, definition->prediction, "prediction column"))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("label and prediction do not count in the same unit"),
				 errhint("Both must be numbers, both durations or both times.")));
}

/* Option classes: the score is an array of their probabilities. */
static void
check_probabilities(const MonitorDefinition *definition, Relation source)
{
	Form_pg_attribute score;

	if (definition->score == NULL || definition->prediction == NULL || definition->label == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option classes needs a label, a prediction and a score"),
				 errhint(
					 "The score is a column of type double precision[]: a probability for each of the classes, in their order.")));
	score = find_column(source, definition->score, "score column");
	if (getBaseType(score->atttypid) != FLOAT8ARRAYOID)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("score column \"%s\" is of type %s, not double precision[]", definition->score,
					format_type_be(score->atttypid)),
			 errhint(
				 "With option classes the score holds a probability for each class. A stored generated column can hold it so.")));
}

void
check_source_columns(MonitorDefinition *definition, Relation source)
{
	ListCell   *cell;

	check_time_column(source, definition->time_column);
	if (list_length(definition->segment_by) > CAPTURE_MAX_SEGMENT_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a monitor has at most %d segment columns", CAPTURE_MAX_SEGMENT_COLUMNS),
				 errhint("Create another monitor for the others.")));
	check_categories(source, definition->segment_by, "segment column");
	foreach(cell, definition->segment_by)
		classification_check_segment_column(definition->source, lfirst(cell));
	check_categories(source, definition->protected_columns, "protected column");
	if (definition->prediction != NULL)
		(void) find_column(source, definition->prediction, "prediction column");
	if (definition->label != NULL)
		(void) find_column(source, definition->label, "label column");
	if (monitor_n_classes(definition) > 0)
		check_probabilities(definition, source);
	else if (definition->score != NULL)
		(void) check_number(source, definition->score, "score column");
	if (definition->protected_columns != NIL && definition->prediction == NULL && definition->score == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("protected columns need a prediction or a score"),
				 errhint("Name the column that holds the model's decision, prediction => 'approved', or its score: what is at or "
						 "above option performance.threshold (0.5) is then chosen.")));
	if (definition->filter != NULL)
		definition->filter = capture_settled_filter(RelationGetRelid(source), definition->filter);
}

/* ---- which columns to summarize, and as what ---- */

typedef struct KindOverride
{
	char	   *column;
	char	   *kind;			/* numeric, category or ignore */
} KindOverride;

static List *
parse_kinds(Relation source, Jsonb *kinds)
{
	List	   *overrides = NIL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(kinds))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("kinds must be a JSON object"),
				 errhint("For example kinds => '{\"age\": \"numeric\", \"id\": \"ignore\"}'.")));
	iterator = JsonbIteratorInit(&kinds->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		KindOverride *override;
		SummaryKind kind;

		if (token != WJB_KEY)
			continue;
		override = palloc0(sizeof(KindOverride));
		override->column = pnstrdup(value.val.string.val, value.val.string.len);
		(void) find_column(source, override->column, "column in kinds");
		/* The value of a key comes right after it; one that is not a scalar comes as a whole. */
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type == jbvString)
			override->kind = pnstrdup(value.val.string.val, value.val.string.len);
		if (override->kind == NULL || (strcmp(override->kind, "ignore") != 0 && !summary_kind_of_name(override->kind, &kind)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the kind of column \"%s\" is not valid", override->column),
					 errhint("It is \"numeric\", \"category\", \"vector\" or \"ignore\".")));
		overrides = lappend(overrides, override);
	}
	return overrides;
}

static const char *
kind_override(List *overrides, const char *column)
{
	ListCell   *cell;

	foreach(cell, overrides)
	{
		KindOverride *override = lfirst(cell);

		if (strcmp(override->column, column) == 0)
			return override->kind;
	}
	return NULL;
}

/* A column that identifies rows has nothing to say about their distribution. */
static bool
is_identifier(Relation source, AttrNumber attribute)
{
	List	   *indexes = RelationGetIndexList(source);
	ListCell   *cell;
	bool		result = false;

	foreach(cell, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (index->indisunique && index->indnkeyatts == 1 && index->indkey.values[0] == attribute &&
			heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
			result = true;
		ReleaseSysCache(tuple);
	}
	list_free(indexes);
	return result;
}

static bool
is_named(const char *name, const MonitorDefinition *definition)
{
	const char *single[] = {definition->prediction, definition->score, definition->label};
	ListCell   *cell;

	for (int i = 0; i < lengthof(single); i++)
		if (single[i] != NULL && strcmp(single[i], name) == 0)
			return true;
	foreach(cell, definition->segment_by)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	foreach(cell, definition->protected_columns)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

static void
add_column(MonitorDefinition *definition, const char *name, Oid type, SummaryKind kind)
{
	MonitorColumn *column = palloc(sizeof(MonitorColumn));

	column->name = pstrdup(name);
	column->type = type;
	column->kind = kind;
	definition->columns = lappend(definition->columns, column);
}

/* One column of the source; asked_for: the user named it, so that what cannot be done is an error. */
static void
choose_column(MonitorDefinition *definition, Relation source, Form_pg_attribute column, const char *kind_given, bool asked_for)
{
	const char *name = NameStr(column->attname);
	SummaryKind kind;
	ValueReader reader;

	if (kind_given != NULL && strcmp(kind_given, "ignore") == 0)
		return;
	if (kind_given == NULL && !asked_for)
	{
		if (strcmp(name, definition->time_column) == 0 || column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
			return;
		if (!is_named(name, definition) && is_identifier(source, column->attnum))
			return;
	}
	if (kind_given != NULL)
		(void) summary_kind_of_name(kind_given, &kind);
	else if (!value_kind_of_type(column->atttypid, &kind))
	{
		if (!asked_for)
			return;
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, which has no summary", name, format_type_be(column->atttypid)),
				 errhint("Leave it out of columns; or add a stored generated column with what matters of it.")));
	}
	/* Arrays may be of any length, and vectors take their time: only where somebody wants it. */
	if (kind == SUMMARY_VECTOR && kind_given == NULL && !asked_for)
		return;
	if (!value_reader_init(&reader, column->atttypid, kind, CurrentMemoryContext))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, which cannot be summarized as %s", name, format_type_be(column->atttypid),
						summary_kind_name(kind)),
				 errhint("Leave it out of kinds, or give it another kind.")));
	add_column(definition, name, column->atttypid, kind);
}

void
choose_columns(MonitorDefinition *definition, Relation source, bool all_columns, List *wanted, Jsonb *kinds)
{
	TupleDesc	columns = RelationGetDescr(source);
	List	   *overrides = parse_kinds(source, kinds);
	ListCell   *cell;

	definition->columns = NIL;
	if (all_columns)
	{
		for (int i = 0; i < columns->natts; i++)
		{
			Form_pg_attribute column = TupleDescAttr(columns, i);

			if (!column->attisdropped)
				choose_column(definition, source, column, kind_override(overrides, NameStr(column->attname)), false);
		}
	}
	foreach(cell, wanted)
	{
		char	   *name = lfirst(cell);
		Form_pg_attribute column = find_column(source, name, "column");

		for (int i = 0; i < foreach_current_index(cell); i++)
			if (strcmp(list_nth(wanted, i), name) == 0)
				ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("column \"%s\" is named twice", name)));
		choose_column(definition, source, column, kind_override(overrides, name), true);
	}
	if (definition->columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" has no column to monitor", RelationGetRelationName(source)),
				 errdetail("The time column, identifiers, and types without a summary are left out unless they are named."),
				 errhint("Name columns: columns => '{amount, status}'.")));
}

char *
describe_columns(List *columns)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, columns)
	{
		MonitorColumn *column = lfirst(cell);

		appendStringInfo(&text, "%s%s %s", text.len == 0 ? "" : ", ", quote_identifier(column->name),
						 summary_kind_name(column->kind));
	}
	return text.data;
}
