/*
 * roll_up.c
 *		Option roll_up of a monitor: [{"after": "7 days", "size": "1 hour"}, ...], does it make sense.
 */
#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "monitor/definition.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "window/window.h"

#define MAX_STEPS 8
#define EXAMPLE \
	"For example {\"roll_up\": [{\"after\": \"7 days\", \"size\": \"1 hour\"}, {\"after\": \"90 days\", \"size\": \"1 day\"}]}."

typedef struct RollUpStep
{
	Interval	after;
	Interval	size;
} RollUpStep;

pg_noreturn static void
refuse(const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), detail ? errdetail("%s", detail) : 0,
			 errhint("%s", EXAMPLE)));
}

/* A member of the step that is a positive interval. */
static Interval
step_interval(JsonbContainer *step, const char *name)
{
	JsonbValue	value;
	Interval   *interval;

	if (getKeyJsonValueFromContainer(step, name, strlen(name), &value) == NULL || value.type != jbvString)
		refuse(psprintf("a step of option roll_up has no %s", name), "Each has two members, after and size; both are intervals.");
	interval =
		DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(pnstrdup(value.val.string.val, value.val.string.len)),
											  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	if (interval->month < 0 || interval->day < 0 || interval->time < 0 || interval_length(interval) <= 0)
		refuse(psprintf("%s of a step of option roll_up is not positive", name), psprintf("It is %s.", interval_text(interval)));
	check_not_too_long(interval, psprintf("%s of a step of option roll_up", name));
	return *interval;
}

static int
read_steps(Jsonb *options, RollUpStep *steps)
{
	JsonbValue	list;
	JsonbContainer *container;
	int			n;

	if (getKeyJsonValueFromContainer(&options->root, "roll_up", strlen("roll_up"), &list) == NULL)
		return 0;
	container = list.val.binary.data;
	n = (int) JsonContainerSize(container);
	if (n > MAX_STEPS)
		refuse(psprintf("option roll_up has more than %d steps", MAX_STEPS), NULL);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *step = getIthJsonbValueFromContainer(container, i);

		if (step->type != jbvBinary || !JsonContainerIsObject(step->val.binary.data) ||
			JsonContainerSize(step->val.binary.data) != 2)
			refuse("a step of option roll_up is not an object of two members", "Each has after and size; both are intervals.");
		steps[i].after = step_interval(step->val.binary.data, "after");
		steps[i].size = step_interval(step->val.binary.data, "size");
	}
	return n;
}

bool
roll_up_is_array(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);
}

void
check_roll_up(const MonitorDefinition *definition)
{
	RollUpStep	steps[MAX_STEPS];
	int			n = read_steps(definition->options, steps);
	const Interval *finer = &definition->pane_size;
	const char *zone = definition->time_zone;

	for (int i = 0; i < n; i++)
	{
		WindowClock fine;
		WindowClock coarse;

		window_clock_init(&fine, finer, NULL, zone);
		window_clock_init(&coarse, &steps[i].size, NULL, zone);
		if (interval_length(&steps[i].size) <= interval_length(finer) || !window_divides(&fine, &coarse))
			refuse("a size of option roll_up is not a multiple of the one before",
				   psprintf("It is %s, %s is %s%s%s.", interval_text(&steps[i].size), i == 0 ? "the pane size" : "the size before",
							interval_text(finer), zone ? " in time zone " : "", zone ? zone : ""));
		if (i > 0 && interval_length(&steps[i].after) <= interval_length(&steps[i - 1].after))
			refuse("steps of option roll_up are not in the order of age",
				   psprintf("Step %d comes after %s, the one before after %s.", i + 1, interval_text(&steps[i].after),
							interval_text(&steps[i - 1].after)));
		if (definition->retention != NULL && interval_length(&steps[i].after) >= interval_length(definition->retention))
			refuse("a step of option roll_up comes after the retention",
				   psprintf("Panes older than %s are given up already.", interval_text(definition->retention)));
		finer = &steps[i].size;
	}
}
