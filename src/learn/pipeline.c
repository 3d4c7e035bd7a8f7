/*
 * pipeline.c
 *		Steps that make of a row what a learner sees: missing values filled in, categories as what is known of their targets
 *		(Micci-Barreca 2001), numbers scaled, and what a window of rows says.
 */
#include "learn/pipeline.h"

#include <math.h>

#include "learn/pipeline_one_hot.h"
#include "learn/pipeline_window.h"

const char *const step_kinds[] = {"impute", "target_encode", "scale", "window", "one_hot", NULL};
const char *const step_names[] = {"feature", "by", "time", "as", NULL};

enum
{
	IMPUTE_WITH,
	IMPUTE_VALUE
};

enum
{
	WITH_MEAN,
	WITH_LAST,
	WITH_MOST_FREQUENT,
	WITH_CONSTANT
};

enum
{
	ENCODE_SMOOTHING
};

enum
{
	SCALE_WITH
};

static const char *const impute_with[] = {"mean", "last", "most_frequent", "constant", NULL};
static const char *const scale_with[] = {"standard", "min_max", NULL};
static const Option impute_options[] = {CHOICE_OPTION("with", impute_with, WITH_MEAN),
										NUMBER_OPTION("value", 0, -LEARNER_LARGEST, LEARNER_LARGEST)};
static const Option encode_options[] = {NUMBER_OPTION("smoothing", 10, 0, 1e9)};
static const Option scale_options[] = {CHOICE_OPTION("with", scale_with, 0)};

const Option *
step_options(StepKind kind, int *n)
{
	switch (kind)
	{
		case STEP_IMPUTE: *n = N_OPTIONS(impute_options); return impute_options;
		case STEP_TARGET_ENCODE: *n = N_OPTIONS(encode_options); return encode_options;
		case STEP_SCALE: *n = N_OPTIONS(scale_options); return scale_options;
		case STEP_ONE_HOT: return step_one_hot_options(n);
		default: return step_window_options(n);
	}
}

static char *
copy_name(Allocator allocator, const char *name)
{
	size_t		size = strlen(name) + 1;

	return memcpy(allocator.resize(allocator.context, NULL, 0, size), name, size);
}

PipelineStep *
pipeline_add(Allocator allocator, Pipeline *pipeline, StepKind kind, const char *const *names, const double *options)
{
	size_t		n = (size_t) pipeline->n_steps;
	PipelineStep *step;
	int			n_options;

	pipeline->steps =
		allocator.resize(allocator.context, pipeline->steps, n * sizeof(PipelineStep), (n + 1) * sizeof(PipelineStep));
	step = &pipeline->steps[pipeline->n_steps++];
	*step = (PipelineStep){.kind = kind,
						   .low = INFINITY,
						   .high = -INFINITY,
						   .last = NAN,
						   .newest = -1,
						   .oldest = -1,
						   .first = LEARNER_MAX_FEATURES};
	(void) step_options(kind, &n_options);
	memcpy(step->options, options, (size_t) n_options * sizeof(double));
	for (int i = 0; i < STEP_N_NAMES; i++)
	{
		step->names[i] = copy_name(allocator, names[i]);
		step->places[i] = -1;
	}
	return step;
}

void
pipeline_free(Allocator allocator, Pipeline *pipeline)
{
	for (int i = 0; i < pipeline->n_steps; i++)
	{
		PipelineStep *step = &pipeline->steps[i];

		for (int j = 0; j < STEP_N_NAMES; j++)
			allocator.resize(allocator.context, step->names[j], strlen(step->names[j]) + 1, 0);
		if (step->categories != NULL)
			allocator.resize(allocator.context, step->categories, (size_t) step->category_capacity * sizeof(Spread), 0);
		step_window_free(allocator, step);
		names_free(allocator, &step->values);
	}
	if (pipeline->n_steps > 0)
		allocator.resize(allocator.context, pipeline->steps, (size_t) pipeline->n_steps * sizeof(PipelineStep), 0);
	*pipeline = (Pipeline){0};
}

/* Whether a step makes a number of the category that the feature is. */
static bool
encodes(const PipelineStep *step, int feature)
{
	return (step->kind == STEP_TARGET_ENCODE || step->kind == STEP_ONE_HOT) && step->places[STEP_FEATURE] == feature;
}

bool
pipeline_encodes(const Pipeline *pipeline, int feature)
{
	for (int i = 0; i < pipeline->n_steps; i++)
		if (encodes(&pipeline->steps[i], feature))
			return true;
	return false;
}

const PipelineStep *
pipeline_one_hot_of(const Pipeline *pipeline, int feature)
{
	for (int i = 0; i < pipeline->n_steps; i++)
		if (pipeline->steps[i].kind == STEP_ONE_HOT && pipeline->steps[i].places[STEP_FEATURE] == feature)
			return &pipeline->steps[i];
	return NULL;
}

const PipelineStep *
pipeline_one_hot_with(const Pipeline *pipeline, int feature)
{
	for (int i = 0; i < pipeline->n_steps; i++)
	{
		const PipelineStep *step = &pipeline->steps[i];

		if (step->kind == STEP_ONE_HOT && feature >= step->first && feature < step->first + step_one_hot_width(step))
			return step;
	}
	return NULL;
}

int
pipeline_max_categories(const Pipeline *pipeline, int feature)
{
	const PipelineStep *step = pipeline_one_hot_of(pipeline, feature);

	for (int i = 0; i < pipeline->n_steps && step != NULL; i++)
		for (int j = 0; j < STEP_AS; j++)
			if (&pipeline->steps[i] != step && pipeline->steps[i].places[j] == feature)
				return LEARNER_MAX_CATEGORIES;
	return step == NULL ? LEARNER_MAX_CATEGORIES : step_one_hot_values(step);
}

/* ---- the features of steps ---- */

static const char *
bind_step(Pipeline *pipeline, PipelineStep *step, const PipelineFeatures *features)
{
	bool		is_category;
	const char *conflict = step->kind == STEP_WINDOW ? step_window_check(step) : NULL;

	if (conflict != NULL)
		return conflict;
	if (step->kind != STEP_WINDOW && step->names[STEP_FEATURE][0] == '\0')
		return "It needs a feature.";
	for (int i = 0; i < STEP_AS; i++)
		if (step->names[i][0] != '\0' && (step->places[i] = features->find(features->context, step->names[i])) < 0)
			return i == STEP_FEATURE ? "There is no such feature."
				: i == STEP_BY       ? "Its \"by\" names no feature."
									 : "Its \"time\" names no feature.";
	is_category = step->places[STEP_FEATURE] >= 0 && features->is_categorical(features->context, step->places[STEP_FEATURE]);
	/* An earlier step may have made a number of it; this one is not bound yet in that sense. */
	for (PipelineStep *other = pipeline->steps; other < step; other++)
	{
		if (encodes(other, step->places[STEP_FEATURE]))
			is_category = false;
		for (int i = 0; i < STEP_AS && other->kind == STEP_ONE_HOT; i++)
			if (step->places[i] >= 0 && step->places[i] == other->places[STEP_FEATURE])
				return "An earlier one_hot has put others in the place of this feature: let it come last.";
	}
	if (step->kind == STEP_ONE_HOT)
		return is_category ? step_one_hot_bind(step, features) : "It is for a category.";
	if (step->kind == STEP_TARGET_ENCODE || (step->kind == STEP_IMPUTE && step->options[IMPUTE_WITH] == WITH_MOST_FREQUENT))
		return is_category ? NULL : "It is for a category.";
	if (is_category)
		return "It is for a number.";
	if (step->places[STEP_TIME] >= 0 && features->is_categorical(features->context, step->places[STEP_TIME]))
		return "Its \"time\" must be a number or a time.";
	if (step->kind == STEP_WINDOW && (step->places[STEP_AS] = features->add(features->context, step->names[STEP_AS])) < 0)
		return "Its \"as\" names a feature that is there already, or there are too many.";
	return NULL;
}

const char *
pipeline_bind(Pipeline *pipeline, const PipelineFeatures *features, int n_inputs, int *number)
{
	pipeline->n_inputs = n_inputs;
	for (*number = 0; *number < pipeline->n_steps; *number += 1)
	{
		const char *conflict = bind_step(pipeline, &pipeline->steps[*number], features);

		if (conflict != NULL)
			return conflict;
	}
	return NULL;
}

/* ---- what a step makes of a value ---- */

static int
most_frequent(const PipelineStep *step)
{
	int			best = -1;

	for (int i = 0; i < step->n_categories; i++)
		if (step->categories[i].n > (best < 0 ? 0 : step->categories[best].n))
			best = i;
	return best;
}

static double
impute(const PipelineStep *step)
{
	int			category;

	switch ((int) step->options[IMPUTE_WITH])
	{
		case WITH_MEAN: return step->spread.n > 0 ? step->spread.mean : NAN;
		case WITH_LAST: return step->last;
		case WITH_CONSTANT: return step->options[IMPUTE_VALUE];
		default: category = most_frequent(step); return category < 0 ? NAN : category;
	}
}

/* The mean target of the category, drawn towards that of all rows; that of all rows for one that is missing or not known. */
static double
encode(const PipelineStep *step, double value)
{
	double		smoothing = step->options[ENCODE_SMOOTHING];
	const Spread *seen = !isnan(value) && value < step->n_categories ? &step->categories[(int) value] : NULL;

	if (!(step->spread.n > 0))
		return NAN;
	if (seen == NULL || !(seen->n + smoothing > 0))
		return step->spread.mean;
	return (seen->n * seen->mean + smoothing * step->spread.mean) / (seen->n + smoothing);
}

static double
scale(const PipelineStep *step, double value)
{
	double		variance = step->spread.n > 0 ? step->spread.squares / step->spread.n : 0;

	if (step->options[SCALE_WITH] != 0)
		return step->high > step->low ? (value - step->low) / (step->high - step->low) : 0;
	return variance > 0 ? (value - step->spread.mean) / sqrt(variance) : 0;
}

static void
apply(const PipelineStep *step, double *row)
{
	double	   *value = row + step->places[STEP_FEATURE];

	switch (step->kind)
	{
		case STEP_IMPUTE:
			if (isnan(*value))
				*value = impute(step);
			break;
		case STEP_TARGET_ENCODE: *value = encode(step, *value); break;
		case STEP_SCALE: *value = isnan(*value) ? NAN : scale(step, *value); break;
		case STEP_ONE_HOT: step_one_hot_apply(step, row); break;
		default: row[step->places[STEP_AS]] = step_window_value(step, row);
	}
}

void
pipeline_apply(const Pipeline *pipeline, double *row)
{
	for (int i = 0; i < pipeline->n_steps; i++)
		apply(&pipeline->steps[i], row);
}

/* ---- learning ---- */

/* One for which there is no room is as one that did not come. */
static void
count_category(Allocator allocator, HasRoom has_room, PipelineStep *step, int category, double value, double weight)
{
	if (category >= step->category_capacity)
	{
		int			capacity = step->category_capacity == 0 ? 16 : step->category_capacity;

		while (capacity <= category)
			capacity *= 2;
		if (!has_room(allocator.context, (size_t) (capacity - step->category_capacity) * sizeof(Spread)))
			return;
		step->categories = allocator.resize(allocator.context, step->categories, (size_t) step->category_capacity * sizeof(Spread),
											(size_t) capacity * sizeof(Spread));
		memset(step->categories + step->category_capacity, 0, (size_t) (capacity - step->category_capacity) * sizeof(Spread));
		step->category_capacity = capacity;
	}
	if (category >= step->n_categories)
		step->n_categories = category + 1;
	spread_add(&step->categories[category], value, weight);
}

static void
learn(Allocator allocator, HasRoom has_room, PipelineStep *step, const double *row, double target, double weight)
{
	double		value = step->places[STEP_FEATURE] < 0 ? NAN : row[step->places[STEP_FEATURE]];

	switch (step->kind)
	{
		case STEP_IMPUTE:
			if (isnan(value))
				return;
			step->last = value;
			/* To count values is for categories, whose numbers are small. */
			if (step->options[IMPUTE_WITH] != WITH_MOST_FREQUENT)
				spread_add(&step->spread, value, weight);
			else if (value < LEARNER_MAX_CATEGORIES)
				count_category(allocator, has_room, step, (int) value, 0, weight);
			break;
		case STEP_TARGET_ENCODE:
			spread_add(&step->spread, target, weight);
			if (!isnan(value))
				count_category(allocator, has_room, step, (int) value, target, weight);
			break;
		case STEP_SCALE:
			if (isnan(value))
				return;
			step->low = fmin(step->low, value);
			step->high = fmax(step->high, value);
			spread_add(&step->spread, value, weight);
			break;
		case STEP_ONE_HOT: break;
		default: step_window_add(allocator, has_room, step, row);
	}
}

/* Scales know a row before it is scaled, as those of linear models do; others give what is asked for first, and learn then. */
void
pipeline_learn(Allocator allocator, HasRoom has_room, Pipeline *pipeline, double *row, double target, double weight)
{
	for (int i = 0; i < pipeline->n_steps; i++)
	{
		PipelineStep *step = &pipeline->steps[i];
		double		before = step->places[STEP_FEATURE] < 0 ? NAN : row[step->places[STEP_FEATURE]];
		double		after;

		if (step->kind == STEP_SCALE)
			learn(allocator, has_room, step, row, target, weight);
		apply(step, row);
		if (step->kind == STEP_SCALE)
			continue;
		after = step->places[STEP_FEATURE] < 0 ? NAN : row[step->places[STEP_FEATURE]];
		if (step->places[STEP_FEATURE] >= 0)
			row[step->places[STEP_FEATURE]] = before;
		learn(allocator, has_room, step, row, target, weight);
		if (step->places[STEP_FEATURE] >= 0)
			row[step->places[STEP_FEATURE]] = after;
	}
}

/* ---- the stored form ---- */

static void
archive_name(Archive *archive, char *name, size_t size)
{
	int			length = archive_reads(archive) ? 0 : (int) strlen(name);

	archive_count(archive, &length, 0, (int) size - 1);
	for (int i = 0; i < length; i++)
		if (archive_reads(archive))
		{
			name[i] = (char) wire_get_byte(&archive->reader);
			if (name[i] == '\0')
				archive_refuse(archive);
		}
		else
			archive->position =
				wire_put_byte(archive->mode == ARCHIVE_WRITE ? archive->buffer : NULL, archive->position, (uint8_t) name[i]);
	if (archive_reads(archive))
		name[length] = '\0';
}

void
archive_pipeline(Archive *archive, Pipeline *pipeline)
{
	int			n = pipeline->n_steps;

	archive_count(archive, &n, 0, PIPELINE_MAX_STEPS);
	for (int i = 0; i < n && !archive_is_corrupt(archive); i++)
	{
		int			kind = archive_reads(archive) ? 0 : (int) pipeline->steps[i].kind;
		char		read[STEP_N_NAMES][LEARNER_MAX_NAME + 1];
		char	   *names[STEP_N_NAMES];
		double		read_options[STEP_MAX_OPTIONS];
		double	   *options = archive_reads(archive) ? read_options : pipeline->steps[i].options;
		const Option *list;
		int			n_options;

		archive_count(archive, &kind, 0, STEP_N_KINDS - 1);
		for (int j = 0; j < STEP_N_NAMES; j++)
		{
			names[j] = archive_reads(archive) ? read[j] : pipeline->steps[i].names[j];
			archive_name(archive, names[j], LEARNER_MAX_NAME + 1);
		}
		list = step_options((StepKind) kind, &n_options);
		for (int j = 0; j < n_options; j++)
		{
			archive_double(archive, &options[j]);
			if (archive_reads(archive) && !option_allows(&list[j], options[j]))
				archive_refuse(archive);
		}
		if (archive_reads(archive) && !archive_is_corrupt(archive))
			pipeline_add(archive->allocator, pipeline, (StepKind) kind, (const char *const *) names, options);
		if (kind == STEP_ONE_HOT && !archive_is_corrupt(archive))
			archive_names(archive, &pipeline->steps[i].values, LEARNER_MAX_CATEGORIES);
	}
}

static void
archive_categories(Archive *archive, PipelineStep *step)
{
	int			n = step->n_categories;
	int			capacity = step->category_capacity;

	archive_count(archive, &n, 0, LEARNER_MAX_CATEGORIES);
	archive_count(archive, &capacity, n, n == 0 ? 0 : n < 16 ? 16 : 2 * n);
	if (archive_reads(archive))
	{
		if ((size_t) n * sizeof(Spread) > archive_left(archive))
			archive_refuse(archive);
		step->categories = archive_room(archive, archive_is_corrupt(archive) ? 0 : capacity, sizeof(Spread));
		if (step->categories == NULL)
			return;
		step->n_categories = n;
		step->category_capacity = capacity;
	}
	for (int i = 0; i < n; i++)
		archive_spread(archive, &step->categories[i]);
}

void
archive_pipeline_state(Archive *archive, Pipeline *pipeline)
{
	for (int i = 0; i < pipeline->n_steps && !archive_is_corrupt(archive); i++)
	{
		PipelineStep *step = &pipeline->steps[i];

		if (step->kind == STEP_WINDOW)
		{
			archive_step_window(archive, step);
			continue;
		}
		/* What it knows are the feature's categories. */
		if (step->kind == STEP_ONE_HOT)
			continue;
		archive_spread(archive, &step->spread);
		archive_double(archive, &step->low);
		archive_double(archive, &step->high);
		archive_double(archive, &step->last);
		archive_categories(archive, step);
	}
}
