/*
 * class_calibrator_sql.c
 *		Calibrators of the probabilities of several classes: fit_class_calibrator, class_calibrator.
 *
 * They are jsonb: {"classes": ["a", "b"], "calibrators": [{"method": ...}, null]}; null takes the probabilities of a class as they
 * are.
 */
#include "postgres.h"

#include "base/aggregate.h"
#include "base/compat.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "quality/calibrator_json.h"
#include "quality/class_arguments.h"
#include "quality/class_estimate.h"
#include "quality/performance_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_fit_class_calibrator_accumulate);
PG_FUNCTION_INFO_V1(weir_fit_class_calibrator_combine);
PG_FUNCTION_INFO_V1(weir_fit_class_calibrator_serialize);
PG_FUNCTION_INFO_V1(weir_fit_class_calibrator_deserialize);
PG_FUNCTION_INFO_V1(weir_fit_class_calibrator_final);
PG_FUNCTION_INFO_V1(weir_class_calibrator);

static void
push_string(JsonbInState *state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = (char *) text;
	value.val.string.len = (int) strlen(text);
	pushJsonbValue(state, token, &value);
}

static void
check_classes(char *const *names, int n)
{
	if (n < 2 || n > CLASS_ESTIMATE_MAX_CLASSES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be between 2 and %d classes", CLASS_ESTIMATE_MAX_CLASSES)));
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			if (strcmp(names[i], names[j]) == 0)
				ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("class \"%s\" is named twice", names[i])));
}

/* Each class against the rest. */
typedef struct CalibratorState
{
	int			n_classes;
	bool		always;			/* else where the test asks for it */
	char	   *names[CLASS_ESTIMATE_MAX_CLASSES];
	Performance *performances[CLASS_ESTIMATE_MAX_CLASSES];
} CalibratorState;

static CalibratorState *
create_calibrators(MemoryContext context, ArrayType *classes, bool always)
{
	CalibratorState *state = MemoryContextAllocZero(context, sizeof(CalibratorState));
	Datum	   *elements;
	bool	   *nulls;

	deconstruct_array(classes, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &state->n_classes);
	for (int i = 0; i < Min(state->n_classes, CLASS_ESTIMATE_MAX_CLASSES); i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a class must not be null")));
		state->names[i] = MemoryContextStrdup(context, TextDatumGetCString(elements[i]));
		state->performances[i] = performance_create(allocator_in(context), PERFORMANCE_BINARY);
	}
	check_classes(state->names, state->n_classes);
	state->always = always;
	return state;
}

static bool
read_calibrate(FunctionCallInfo fcinfo, int argument)
{
	char	   *calibrate;

	if (PG_NARGS() <= argument || PG_ARGISNULL(argument))
		return false;
	calibrate = text_to_cstring(PG_GETARG_TEXT_PP(argument));
	if (strcmp(calibrate, "auto") != 0 && strcmp(calibrate, "always") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("calibrate must be auto or always"),
				 errhint("To believe probabilities as they are: weir.class_calibrator(classes).")));
	return strcmp(calibrate, "always") == 0;
}

/* (state, label, probabilities, classes [, calibrate]) */
Datum
weir_fit_class_calibrator_accumulate(PG_FUNCTION_ARGS)
{
	CalibratorState *state = PG_ARGISNULL(0) ? NULL : (CalibratorState *) PG_GETARG_POINTER(0);
	const ValueReader *reader = class_reader(fcinfo, "label");
	double		raw[CLASS_ESTIMATE_MAX_CLASSES];
	CategoryText text;
	int			class;

	if (state == NULL)
	{
		/* The classes of the first row hold for all. */
		if (PG_ARGISNULL(3))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("classes must not be null")));
		state = create_calibrators(aggregate_context(fcinfo), PG_GETARG_ARRAYTYPE_P(3), read_calibrate(fcinfo, 4));
	}
	if (PG_ARGISNULL(1) || !read_probabilities(fcinfo, 2, state->n_classes, raw))
		PG_RETURN_POINTER(state);
	value_reader_get_text(reader, PG_GETARG_DATUM(1), &text);
	class = class_of(state->names, state->n_classes, text.bytes, text.length, "label");
	category_text_free(&text);
	for (int i = 0; i < state->n_classes; i++)
		performance_add_binary(state->performances[i], i == class, raw[i]);
	PG_RETURN_POINTER(state);
}

static void
push_calibrator(JsonbInState *state, const CalibratorState *calibrators, int class)
{
	JsonbValue	none = {.type = jbvNull};
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	size_t		n_cells;
	ScoreCell  *cells = performance_cells(calibrators->performances[class], allocator, &n_cells);
	Calibrator	calibrator;

	CHECK_FOR_INTERRUPTS();
	if ((calibrators->always || calibrator_is_needed(cells, n_cells)) &&
		calibrator_fit(&calibrator, CALIBRATOR_ISOTONIC, cells, n_cells, allocator))
		calibrator_push(state, &calibrator);
	else if (calibrators->always)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the reference has no labels of class \"%s\", or none of another", calibrators->names[class]),
				 errhint("Take a longer reference, or calibrate auto.")));
	else
		pushJsonbValue(state, WJB_ELEM, &none);
}

/* calibrators NULL: none for any class. */
static Datum
calibrators_json(char *const *names, int n, const CalibratorState *calibrators)
{
	JsonbInState state = {0};
	JsonbValue	none = {.type = jbvNull};

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_string(&state, WJB_KEY, "classes");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
		push_string(&state, WJB_ELEM, names[i]);
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	push_string(&state, WJB_KEY, "calibrators");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
		if (calibrators == NULL)
			pushJsonbValue(&state, WJB_ELEM, &none);
		else
			push_calibrator(&state, calibrators, i);
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(state.result));
}

Datum
weir_fit_class_calibrator_final(PG_FUNCTION_ARGS)
{
	CalibratorState *state = PG_ARGISNULL(0) ? NULL : (CalibratorState *) PG_GETARG_POINTER(0);

	if (state == NULL)
		PG_RETURN_NULL();
	return calibrators_json(state->names, state->n_classes, state);
}

/* (classes) */
Datum
weir_class_calibrator(PG_FUNCTION_ARGS)
{
	CalibratorState *state = create_calibrators(CurrentMemoryContext, PG_GETARG_ARRAYTYPE_P(0), false);

	return calibrators_json(state->names, state->n_classes, NULL);
}

/* Between processes of one server: number of classes, always, then names and performances. */
Datum
weir_fit_class_calibrator_serialize(PG_FUNCTION_ARGS)
{
	CalibratorState *state = (CalibratorState *) PG_GETARG_POINTER(0);
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, state->n_classes);
	pq_sendbyte(&buffer, state->always);
	for (int i = 0; i < state->n_classes; i++)
	{
		size_t		size = performance_encoded_size(state->performances[i]);
		uint8_t	   *bytes = palloc(size);

		performance_encode(state->performances[i], bytes);
		pq_sendbytes(&buffer, state->names[i], (int) strlen(state->names[i]) + 1);
		pq_sendint32(&buffer, (int32) size);
		pq_sendbytes(&buffer, (const char *) bytes, (int) size);
		pfree(bytes);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum
weir_fit_class_calibrator_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buffer;
	CalibratorState *state = palloc0(sizeof(CalibratorState));

	(void) aggregate_context(fcinfo);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	state->n_classes = pq_getmsgint(&buffer, 4);
	if (state->n_classes < 2 || state->n_classes > CLASS_ESTIMATE_MAX_CLASSES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("serialized state of an aggregate is damaged")));
	state->always = pq_getmsgbyte(&buffer) != 0;
	for (int i = 0; i < state->n_classes; i++)
	{
		int			size;

		state->names[i] = pstrdup(pq_getmsgrawstring(&buffer));
		size = pq_getmsgint(&buffer, 4);
		performance_check_status(performance_decode(allocator_in(CurrentMemoryContext),
													(const uint8_t *) pq_getmsgbytes(&buffer, size), (size_t) size,
													&state->performances[i]));
		if (state->performances[i]->kind != PERFORMANCE_BINARY)
			ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("serialized state of an aggregate is damaged")));
	}
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(state);
}

Datum
weir_fit_class_calibrator_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	CalibratorState *into = PG_ARGISNULL(0) ? NULL : (CalibratorState *) PG_GETARG_POINTER(0);
	CalibratorState *from = PG_ARGISNULL(1) ? NULL : (CalibratorState *) PG_GETARG_POINTER(1);

	if (from == NULL && into == NULL)
		PG_RETURN_NULL();
	if (from == NULL)
		PG_RETURN_POINTER(into);
	if (into == NULL)
	{
		into = MemoryContextAllocZero(context, sizeof(CalibratorState));
		into->n_classes = from->n_classes;
		into->always = from->always;
		for (int i = 0; i < from->n_classes; i++)
		{
			into->names[i] = MemoryContextStrdup(context, from->names[i]);
			into->performances[i] = performance_copy(allocator_in(context), from->performances[i]);
		}
		PG_RETURN_POINTER(into);
	}
	check_same_classes(into->names, into->n_classes, from->names, from->n_classes);
	for (int i = 0; i < into->n_classes; i++)
		performance_check_status(performance_merge(into->performances[i], from->performances[i]));
	PG_RETURN_POINTER(into);
}
