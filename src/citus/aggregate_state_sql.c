/*
 * aggregate_state_sql.c
 *		weir_citus.aggregate_state: the state of any aggregate of weir that has a combine function, as a value that servers can send
 *		each other.
 *
 * Citus computes parts of an aggregate on its workers where the state is of a type with a text form and the arguments are of
 *exactly the declared types; most of weir's take any type, and keep their state in memory.  The aggregates of schema weir_citus are
 *of declared types, and each works by the functions of the one in weir that it stands for.
 *
 * Flat form: the aggregate's signature, '|', the types of its arguments, separated by commas, '|', the state's own serialized form,
 *or nothing before the first row; in the text form that is in base64.  Names, not numbers: servers number objects differently.  The
 * initial condition of each aggregate is such a value, so a state always knows whose it is.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/aggregate.h"
#include "base/base64.h"
#include "base/compat.h"
#include "base/memory.h"
#include "base/privileges.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/execnodes.h"
#include "parser/parse_agg.h"
#include "parser/parse_coerce.h"
#include "series/end_state.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define DEFINITION_MEMORY "weir aggregate"

/* How an aggregate works, with the types of this call's arguments. */
typedef struct Definition
{
	const void *caller;			/* whose calls these functions serve: what they remember is of one place in a query */
	bool		types_are_checked; /* against the arguments of its calls */
	Oid			state_type;
	int16		state_length;
	bool		state_by_value;
	bool		is_internal;	/* else a type with binary forms of its own */
	Oid			result_type;
	bool		final_takes_arguments;
	int			n_arguments;
	Oid			argument_types[FUNC_MAX_ARGS];
	FmgrInfo	transition;
	FmgrInfo	combine;
	FmgrInfo	write;			/* serialize, or send */
	FmgrInfo	read;			/* deserialize, or receive */
	Oid			read_parameter;
	FmgrInfo	final;			/* fn_oid is InvalidOid when the state is the result */
	Size		label_length;
	char		label[FLEXIBLE_ARRAY_MEMBER]; /* signature and types, with both bars; ends with a zero */
} Definition;

typedef struct StateObject
{
	ExpandedObjectHeader header;
	Definition *definition;
	bool		is_null;		/* no row yet */
	Datum		value;
	Node	   *aggregation;	/* of the latest call: what writes the state asks whether it runs in one */
	bytea	   *written;		/* NULL: not since the latest change */
} StateObject;

/* ---- definitions ---- */

pg_noreturn static void
no_such_state(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("invalid weir_citus.aggregate_state"), errdetail("%s", detail)));
}

static void
find_function(FmgrInfo *function, Oid oid, MemoryContext context, Expr *expression)
{
	fmgr_info_cxt(oid, function, context);
	fmgr_info_set_expr((Node *) expression, function);
}

/* Types of arguments as format_type writes them, separated by commas. */
static void
read_types(Definition *definition, char *types)
{
	definition->n_arguments = 0;
	for (char *next = types; next != NULL && *next != '\0';)
	{
		char	   *name = next;

		next = strchr(next, ',');
		if (next != NULL)
			*next++ = '\0';
		if (definition->n_arguments == FUNC_MAX_ARGS - 1)
			no_such_state("It has too many arguments.");
		definition->argument_types[definition->n_arguments++] =
			DatumGetObjectId(DirectFunctionCall1(regtypein, CStringGetDatum(name)));
	}
}

/* The last of the declared types stands for further arguments where the aggregate takes any number. */
static Oid
declared_type(Form_pg_proc procedure, int argument)
{
	return procedure->proargtypes.values[Min(argument, procedure->pronargs - 1)];
}

/* What is declared to be of any type can be of any; the rest is as declared. */
static bool
types_agree(const Definition *definition, Form_pg_proc procedure)
{
	if (definition->n_arguments < procedure->pronargs ||
		(definition->n_arguments > procedure->pronargs && procedure->provariadic != ANYOID))
		return false;
	for (int i = 0; i < definition->n_arguments; i++)
	{
		Oid			declared = declared_type(procedure, i);

		if (declared != ANYOID && declared != ANYELEMENTOID && declared != definition->argument_types[i])
			return false;
	}
	return true;
}

/* How values of the state's type are written and read. */
static void
find_forms(Definition *definition, Form_pg_aggregate aggregate, MemoryContext context)
{
	Oid			function;
	bool		is_varlena;
	Expr	   *expression;

	definition->is_internal = definition->state_type == INTERNALOID;
	if (!definition->is_internal)
	{
		getTypeBinaryOutputInfo(definition->state_type, &function, &is_varlena);
		fmgr_info_cxt(function, &definition->write, context);
		getTypeBinaryInputInfo(definition->state_type, &function, &definition->read_parameter);
		fmgr_info_cxt(function, &definition->read, context);
		return;
	}
	build_aggregate_serialfn_expr(aggregate->aggserialfn, &expression);
	find_function(&definition->write, aggregate->aggserialfn, context, expression);
	build_aggregate_deserialfn_expr(aggregate->aggdeserialfn, &expression);
	find_function(&definition->read, aggregate->aggdeserialfn, context, expression);
}

static void
find_functions(Definition *definition, Form_pg_proc procedure, Form_pg_aggregate aggregate, MemoryContext context)
{
	Oid			actual_types[FUNC_MAX_ARGS];
	Oid			declared_types[FUNC_MAX_ARGS];
	Oid			combined[] = {aggregate->aggtranstype};
	int			n = definition->n_arguments;
	Expr	   *expression;

	memcpy(actual_types, definition->argument_types, sizeof(actual_types));
	for (int i = 0; i < n; i++)
		declared_types[i] = declared_type(procedure, i);
	definition->result_type = enforce_generic_type_consistency(actual_types, declared_types, n, procedure->prorettype, false);
	definition->state_type = aggregate->aggtranstype;
	definition->final_takes_arguments = aggregate->aggfinalextra;
	get_typlenbyval(definition->state_type, &definition->state_length, &definition->state_by_value);
	build_aggregate_transfn_expr(actual_types, n, 0, false, definition->state_type, InvalidOid, aggregate->aggtransfn, InvalidOid,
								 &expression, NULL);
	find_function(&definition->transition, aggregate->aggtransfn, context, expression);
	build_aggregate_transfn_expr(combined, 1, 0, false, definition->state_type, InvalidOid, aggregate->aggcombinefn, InvalidOid,
								 &expression, NULL);
	find_function(&definition->combine, aggregate->aggcombinefn, context, expression);
	definition->final.fn_oid = InvalidOid;
	if (OidIsValid(aggregate->aggfinalfn))
	{
		build_aggregate_finalfn_expr(actual_types, definition->final_takes_arguments ? n + 1 : 1, definition->state_type,
									 definition->result_type, InvalidOid, aggregate->aggfinalfn, &expression);
		find_function(&definition->final, aggregate->aggfinalfn, context, expression);
	}
	find_forms(definition, aggregate, context);
}

/* The signature and the types come from whoever sends a state: only weir's own aggregates, and those that the user may call. */
static void
read_definition(Definition *definition, const char *signature, char *types, MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	Oid			oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(signature)));
	HeapTuple	procedure_tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	HeapTuple	aggregate_tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(oid));
	Form_pg_proc procedure;
	Form_pg_aggregate aggregate;

	if (!HeapTupleIsValid(procedure_tuple) || !HeapTupleIsValid(aggregate_tuple))
		no_such_state("It names no aggregate.");
	procedure = (Form_pg_proc) GETSTRUCT(procedure_tuple);
	aggregate = (Form_pg_aggregate) GETSTRUCT(aggregate_tuple);
	if (procedure->pronamespace != extension_schema() || NameStr(procedure->proname)[0] == '_' ||
		!OidIsValid(aggregate->aggcombinefn) || aggregate->aggkind != AGGKIND_NORMAL)
		no_such_state("It names no aggregate of weir that can be computed in parts.");
	if (!DatumGetBool(
			DirectFunctionCall2(has_function_privilege_id, ObjectIdGetDatum(oid), PointerGetDatum(cstring_to_text("EXECUTE")))))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_AGGREGATE, NameStr(procedure->proname));
	read_types(definition, types);
	if (!types_agree(definition, procedure))
		no_such_state("Its arguments are not those of the aggregate.");
	find_functions(definition, procedure, aggregate, context);
	ReleaseSysCache(aggregate_tuple);
	ReleaseSysCache(procedure_tuple);
	MemoryContextSwitchTo(caller);
}

static Definition *
create_definition(const char *label, Size length, const void *caller, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, DEFINITION_MEMORY, ALLOCSET_SMALL_SIZES);
	Definition *definition = MemoryContextAllocZero(context, offsetof(Definition, label) + length + 1);
	char	   *signature = pnstrdup(label, length - 1);
	char	   *types = strchr(signature, '|');

	*types++ = '\0';
	read_definition(definition, signature, types, context);
	pfree(signature);
	definition->caller = caller;
	definition->label_length = length;
	memcpy(definition->label, label, length);
	/* Only now: what has failed is not found again. */
	MemoryContextSetIdentifier(context, definition->label);
	return definition;
}

/*
 * Within an aggregate, the definition is read once for each of a query's calls, for all groups; outside of one it is not kept.
 * Citus calls with an FmgrInfo that is new for each row, so it cannot be remembered there.
 */
static Definition *
definition_of(FunctionCallInfo fcinfo, const char *label, Size length)
{
	MemoryContext query;
	const void *caller;

	if (!AggCheckCallContext(fcinfo, NULL))
		return create_definition(label, length, NULL, CurrentMemoryContext);
	query = ((PlanState *) fcinfo->context)->state->es_query_cxt;
	caller = AggGetAggref(fcinfo);
	if (caller == NULL)
		caller = fcinfo->flinfo;
	for (MemoryContext child = query->firstchild; child != NULL; child = child->nextchild)
		if (strcmp(child->name, DEFINITION_MEMORY) == 0 && child->ident != NULL)
		{
			/* The name that the context has is the label in the definition. */
			Definition *definition = (Definition *) ((uintptr_t) child->ident - offsetof(Definition, label));

			if (definition->caller == caller && definition->label_length == length && memcmp(definition->label, label, length) == 0)
				return definition;
		}
	return create_definition(label, length, caller, query);
}

/* ---- flat form ---- */

/* The length of what comes before the state itself: signature and types, with both bars. */
static Size
label_length(const char *bytes, Size size)
{
	const char *first = memchr(bytes, '|', size);
	const char *second = first == NULL ? NULL : memchr(first + 1, '|', size - (Size) (first + 1 - bytes));

	if (second == NULL || memchr(bytes, '\0', (Size) (second - bytes)) != NULL)
		no_such_state("It does not begin with an aggregate and the types of its arguments.");
	return (Size) (second + 1 - bytes);
}

static void
write_state(StateObject *object)
{
	Definition *definition = object->definition;
	MemoryContext caller;
	LOCAL_FCINFO(call, 1);

	if (object->is_null || object->written != NULL)
		return;
	caller = MemoryContextSwitchTo(object->header.eoh_context);
	InitFunctionCallInfoData(*call, &definition->write, 1, InvalidOid, (struct Node *) object->aggregation, NULL);
	call->args[0].value = object->value;
	call->args[0].isnull = false;
	object->written = DatumGetByteaPP(FunctionCallInvoke(call));
	MemoryContextSwitchTo(caller);
}

static Size
get_flat_size(ExpandedObjectHeader *header)
{
	StateObject *object = (StateObject *) header;

	write_state(object);
	return add_size(VARHDRSZ + object->definition->label_length, object->written == NULL ? 0 : VARSIZE_ANY_EXHDR(object->written));
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	StateObject *object = (StateObject *) header;

	SET_VARSIZE(result, allocated_size);
	memcpy(VARDATA(result), object->definition->label, object->definition->label_length);
	if (object->written != NULL)
		memcpy(VARDATA(result) + object->definition->label_length, VARDATA_ANY(object->written),
			   VARSIZE_ANY_EXHDR(object->written));
}

static const ExpandedObjectMethods methods = {get_flat_size, flatten_into};

/* The state of serialized bytes, in the current memory context. */
static Datum
read_state(const Definition *definition, const char *bytes, Size size, FunctionCallInfo fcinfo)
{
	FmgrInfo	read = definition->read;
	LOCAL_FCINFO(call, 2);

	if (!definition->is_internal)
	{
		StringInfoData buffer;
		Datum		value;

		initStringInfo(&buffer);
		appendBinaryStringInfo(&buffer, bytes, (int) size);
		value = ReceiveFunctionCall(&read, &buffer, definition->read_parameter, -1);
		if (buffer.cursor != buffer.len)
			no_such_state("There is something behind the state.");
		return value;
	}
	if (!end_state_is_of(read.fn_addr, bytes, size, definition->argument_types[0]))
		no_such_state("It is of values of another type.");
	InitFunctionCallInfoData(*call, &read, 2, InvalidOid, fcinfo->context, NULL);
	call->args[0].value = PointerGetDatum(cstring_to_text_with_len(bytes, (int) size));
	call->args[0].isnull = false;
	call->args[1].value = (Datum) 0;
	call->args[1].isnull = false;
	return FunctionCallInvoke(call);
}

static StateObject *
create_object(Definition *definition, MemoryContext group)
{
	MemoryContext context = object_memory(group);
	StateObject *object = MemoryContextAllocZero(context, sizeof(StateObject));

	EOH_init_header(&object->header, &methods, context);
	object->definition = definition;
	object->is_null = true;
	return object;
}

/* ---- the state as a value ---- */

PG_FUNCTION_INFO_V1(weir_aggregate_state_in);
Datum
weir_aggregate_state_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	Size		length = label_length(text, strlen(text));
	Size		size;
	char	   *bytes;
	bytea	   *result;

	(void) definition_of(fcinfo, text, length);
	bytes = base64_bytes(text + length, "aggregate_state", &size);
	if (size > 0 && !AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the state of an aggregate can be read only as part of one"),
				 errhint("States are for the servers of a cluster to send each other.")));
	result = palloc(add_size(VARHDRSZ + length, size));
	SET_VARSIZE(result, VARHDRSZ + length + size);
	memcpy(VARDATA(result), text, length);
	memcpy(VARDATA(result) + length, bytes, size);
	PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(weir_aggregate_state_out);
Datum
weir_aggregate_state_out(PG_FUNCTION_ARGS)
{
	bytea	   *flat = PG_GETARG_BYTEA_PP(0);
	const char *bytes = VARDATA_ANY(flat);
	Size		size = VARSIZE_ANY_EXHDR(flat);
	Size		length = label_length(bytes, size);

	PG_RETURN_CSTRING(psprintf("%.*s%s", (int) length, bytes, base64_text(bytes + length, size - length)));
}

/* ---- the aggregate ---- */

/* The types of a call's arguments, where the caller says nothing of them: Citus calls with the aggregate's number and the values.
 */
static bool
declared_types(FunctionCallInfo fcinfo, const Definition *definition)
{
	Aggref	   *reference = AggGetAggref(fcinfo);
	Const	   *number =
		reference == NULL || reference->args == NIL ? NULL : (Const *) ((TargetEntry *) linitial(reference->args))->expr;
	Oid		   *types;
	int			n;
	bool		agree;

	if (number == NULL || !IsA(number, Const) || number->constisnull ||
		(number->consttype != OIDOID && number->consttype != REGPROCEDUREOID))
		return false;
	(void) get_func_signature(DatumGetObjectId(number->constvalue), &types, &n);
	agree = n == definition->n_arguments && memcmp(types, definition->argument_types, sizeof(Oid) * n) == 0;
	pfree(types);
	return agree;
}

static void
require_types(FunctionCallInfo fcinfo, Definition *definition)
{
	bool		agree = definition->n_arguments == PG_NARGS() - 1;

	if (definition->types_are_checked)
		return;
	if (agree && fcinfo->flinfo->fn_expr == NULL)
		agree = declared_types(fcinfo, definition);
	else
		for (int i = 0; agree && i < definition->n_arguments; i++)
			agree = get_fn_expr_argtype(fcinfo->flinfo, i + 1) == definition->argument_types[i];
	if (!agree)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the arguments are not of the types that the state is for"),
				 errhint("The aggregates of schema weir_citus are made by the extension.")));
	definition->types_are_checked = true;
}

/* The object that a call may change, in the memory of the group. */
static StateObject *
object_for_change(FunctionCallInfo fcinfo, MemoryContext group)
{
	Datum		datum = PG_GETARG_DATUM(0);
	StateObject *object;
	bytea	   *flat;
	Size		length;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
	{
		object = (StateObject *) DatumGetEOHP(datum);
		if (object->header.eoh_methods != &methods)
			no_such_state("It is a value of another kind.");
	}
	else
	{
		flat = PG_GETARG_BYTEA_PP(0);
		length = label_length(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat));
		object = create_object(definition_of(fcinfo, VARDATA_ANY(flat), length), group);
		if (VARSIZE_ANY_EXHDR(flat) > length)
			no_such_state("An aggregate does not begin with rows in its state.");
	}
	object->aggregation = (Node *) fcinfo->context;
	if (object->written != NULL)
		pfree(object->written);
	object->written = NULL;
	return object;
}

/* What a function of the aggregate returns becomes the state, as the executor would have it. */
static void
keep_state(StateObject *object, Datum value, bool is_null, MemoryContext group)
{
	const Definition *definition = object->definition;

	if (!definition->state_by_value && !is_null && (object->is_null || DatumGetPointer(value) != DatumGetPointer(object->value)))
	{
		MemoryContext caller = MemoryContextSwitchTo(group);

		if (!(DatumIsReadWriteExpandedObject(value, false, definition->state_length) &&
			  MemoryContextGetParent(DatumGetEOHP(value)->eoh_context) == group))
			value = datumCopy(value, false, definition->state_length);
		MemoryContextSwitchTo(caller);
		/* An expanded one shares its memory with those of other groups. */
		if (!object->is_null && !DatumIsReadWriteExpandedObject(object->value, false, definition->state_length))
			pfree(DatumGetPointer(object->value));
	}
	object->value = value;
	object->is_null = is_null;
}

PG_FUNCTION_INFO_V1(weir_aggregate_state_transition);
Datum
weir_aggregate_state_transition(PG_FUNCTION_ARGS)
{
	MemoryContext group = aggregate_context(fcinfo);
	StateObject *object;
	Datum		value;
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);

	if (PG_ARGISNULL(0))
		no_such_state("It is null.");
	object = object_for_change(fcinfo, group);
	require_types(fcinfo, object->definition);
	InitFunctionCallInfoData(*call, &object->definition->transition, PG_NARGS(), PG_GET_COLLATION(), fcinfo->context, NULL);
	call->args[0].value = object->value;
	call->args[0].isnull = object->is_null;
	memcpy(&call->args[1], &fcinfo->args[1], sizeof(NullableDatum) * (PG_NARGS() - 1));
	value = FunctionCallInvoke(call);
	keep_state(object, value, call->isnull, group);
	return EOHPGetRWDatum(&object->header);
}

PG_FUNCTION_INFO_V1(weir_aggregate_state_combine);
Datum
weir_aggregate_state_combine(PG_FUNCTION_ARGS)
{
	MemoryContext group = aggregate_context(fcinfo);
	StateObject *object;
	bytea	   *other;
	const char *bytes;
	Size		size;
	Size		length;
	Datum		value;
	LOCAL_FCINFO(call, 2);

	if (PG_ARGISNULL(0))
		no_such_state("It is null.");
	object = object_for_change(fcinfo, group);
	if (PG_ARGISNULL(1))
		return EOHPGetRWDatum(&object->header);
	other = PG_GETARG_BYTEA_PP(1);
	bytes = VARDATA_ANY(other);
	size = VARSIZE_ANY_EXHDR(other);
	length = object->definition->label_length;
	if (label_length(bytes, size) != length || memcmp(bytes, object->definition->label, length) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("states of different aggregates cannot be combined")));
	if (size == length)
		return EOHPGetRWDatum(&object->header);
	value = read_state(object->definition, bytes + length, size - length, fcinfo);
	InitFunctionCallInfoData(*call, &object->definition->combine, 2, PG_GET_COLLATION(), fcinfo->context, NULL);
	call->args[0].value = object->value;
	call->args[0].isnull = object->is_null;
	call->args[1].value = value;
	call->args[1].isnull = false;
	value = FunctionCallInvoke(call);
	keep_state(object, value, call->isnull, group);
	return EOHPGetRWDatum(&object->header);
}

PG_FUNCTION_INFO_V1(weir_aggregate_state_final);
Datum
weir_aggregate_state_final(PG_FUNCTION_ARGS)
{
	StateObject *object;
	Definition *definition;
	Datum		result;
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);

	(void) aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(PG_GETARG_DATUM(0))))
	{
		object = (StateObject *) DatumGetEOHP(PG_GETARG_DATUM(0));
		if (object->header.eoh_methods != &methods)
			no_such_state("It is a value of another kind.");
	}
	else
	{
		bytea	   *flat = PG_GETARG_BYTEA_PP(0);
		Size		length = label_length(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat));

		object = create_object(definition_of(fcinfo, VARDATA_ANY(flat), length), CurrentMemoryContext);
		if (VARSIZE_ANY_EXHDR(flat) > length)
		{
			object->value = read_state(object->definition, VARDATA_ANY(flat) + length, VARSIZE_ANY_EXHDR(flat) - length, fcinfo);
			object->is_null = false;
		}
	}
	definition = object->definition;
	if (definition->result_type != get_func_rettype(fcinfo->flinfo->fn_oid))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the state is not one of this aggregate")));
	if (!OidIsValid(definition->final.fn_oid))
	{
		if (object->is_null)
			PG_RETURN_NULL();
		/* Flat, and the caller's: the state may go on. */
		return datumCopy(object->value, definition->state_by_value, definition->state_length);
	}
	if (object->is_null && definition->final.fn_strict)
		PG_RETURN_NULL();
	InitFunctionCallInfoData(*call, &definition->final, definition->final_takes_arguments ? definition->n_arguments + 1 : 1,
							 PG_GET_COLLATION(), fcinfo->context, NULL);
	for (int i = 0; i < call->nargs; i++)
	{
		call->args[i].value = (Datum) 0;
		call->args[i].isnull = true;
	}
	call->args[0].value = object->is_null ? (Datum) 0 : MakeExpandedObjectReadOnly(object->value, false, definition->state_length);
	call->args[0].isnull = object->is_null;
	result = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	return result;
}
