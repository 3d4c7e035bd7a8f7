/*
 * learner_wire.c
 *		The stored form of a model: written and read by one walk over what it is.
 */
#include "learn/learner_method.h"

/* A version, the kind, then what archive_learner names. */
#define WIRE_VERSION 1

/* The names of all features; those that steps add are found again by binding the steps. */
static void
archive_features(Archive *archive, Learner *learner)
{
	Names		names = {0};
	int			n_inputs = learner_n_inputs(learner);

	archive_pipeline(archive, &learner->pipeline);
	archive_count(archive, &n_inputs, 0, LEARNER_MAX_FEATURES);
	archive_names(archive, archive_reads(archive) ? &names : &learner->features, LEARNER_MAX_FEATURES);
	if (archive_reads(archive) && n_inputs > names.n)
		archive_refuse(archive);
	for (int i = 0; i < n_inputs && !archive_is_corrupt(archive); i++)
	{
		bool		is_categorical = !archive_reads(archive) && learner_feature_is_categorical(learner, i);

		archive_boolean(archive, &is_categorical);
		if (archive_reads(archive) && names.names != NULL)
			learner_add_feature(learner, names.names[i].bytes, names.names[i].length, is_categorical);
		if (is_categorical && learner->categories != NULL)
			archive_names(archive, &learner->categories[i], LEARNER_MAX_CATEGORIES);
	}
	if (archive_reads(archive) && !archive_is_corrupt(archive) && n_inputs > 0)
	{
		int			number;

		if (learner->pipeline.n_steps > 0 && learner_bind_steps(learner, &number) != NULL)
			archive_refuse(archive);
		if (learner->features.n != names.n)
			archive_refuse(archive);
		for (int i = n_inputs; names.names != NULL && i < names.n && !archive_is_corrupt(archive); i++)
			if (names_find(&learner->features, names.names[i].bytes, names.names[i].length) != i)
				archive_refuse(archive);
	}
	names_free(archive->allocator, &names);
}

static void
archive_learner(Archive *archive, Learner *learner)
{
	for (int i = 0; i < learner->method->n_options; i++)
		archive_double(archive, &learner->options[i]);
	archive_integer(archive, &learner->n_rows, 0, INT64_C(1) << 60);
	archive_features(archive, learner);
	archive_names(archive, &learner->classes, learner->method->task == LEARNER_BINARY ? 2 : LEARNER_MAX_CLASSES);
	archive_boolean(archive, &learner->is_started);
}

/* The state, of a learner that has one; it is started before it is read. Random numbers come last, for start may draw some. */
static void
archive_state(Archive *archive, Learner *learner)
{
	if (learner->is_started)
	{
		archive_intervals(archive, &learner->intervals);
		archive_pipeline_state(archive, &learner->pipeline);
		archive_integer(archive, &learner->n_asked, 0, INT64_C(1) << 60);
		for (int i = 0; learner->contributions != NULL && i < learner->features.n; i++)
			archive_double(archive, &learner->contributions[i]);
		learner->method->archive(learner, archive);
	}
	archive_random(archive, &learner->random);
}

static size_t
walk(const Learner *learner, ArchivePurpose mode, uint8_t *bytes)
{
	Archive		archive = {.mode = mode, .buffer = bytes, .position = 2};

	if (bytes != NULL)
	{
		bytes[0] = WIRE_VERSION;
		bytes[1] = (uint8_t) learner->kind;
	}
	/* Only reading changes what is walked over. */
	archive_learner(&archive, (Learner *) learner);
	archive_state(&archive, (Learner *) learner);
	return archive.position;
}

size_t
learner_encoded_size(const Learner *learner)
{
	return walk(learner, ARCHIVE_MEASURE, NULL);
}

void
learner_encode(const Learner *learner, uint8_t *bytes)
{
	walk(learner, ARCHIVE_WRITE, bytes);
}

/* Options that are read are checked as those that somebody gives. */
static bool
options_are_valid(const Learner *learner)
{
	for (int i = 0; i < learner->method->n_options; i++)
		if (!option_allows(&learner->method->options[i], learner->options[i]))
			return false;
	return learner_check_options(learner->kind, learner->options) == NULL;
}

LearnerStatus
learner_decode(Allocator allocator, const uint8_t *bytes, size_t size, Learner **result)
{
	double		options[LEARNER_MAX_OPTIONS];
	Learner	   *learner;
	Archive		archive = {.mode = ARCHIVE_READ, .reader = {.bytes = bytes, .size = size, .position = 2}};
	bool		is_started;

	if (size < 2 || bytes[0] != WIRE_VERSION)
		return size < 2 ? LEARNER_CORRUPT : LEARNER_OTHER_VERSION;
	if (bytes[1] >= LEARNER_N_KINDS)
		return LEARNER_CORRUPT;
	learner_initial_options((LearnerKind) bytes[1], options);
	learner = learner_create(allocator, (LearnerKind) bytes[1], options);
	archive.allocator = learner->allocator;
	archive_learner(&archive, learner);
	is_started = learner->is_started;
	learner->is_started = false;
	if (!archive.reader.corrupt && options_are_valid(learner) && (learner->features.n > 0 || !is_started))
	{
		learner->max_memory = learner->options[learner_find_option(learner->kind, "max_memory")];
		if (is_started)
			learner_start(learner);
		else if (learner->features.n > 0)
			(void) learner_first_memory(learner);
		archive_state(&archive, learner);
		if (!archive.reader.corrupt && archive.reader.position == size)
		{
			*result = learner;
			return LEARNER_OK;
		}
	}
	learner_free(learner);
	return LEARNER_CORRUPT;
}
