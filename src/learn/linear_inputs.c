/*
 * linear_inputs.c
 *		Rows as linear models see them.
 */
#include "learn/linear_inputs.h"

void
linear_inputs_start(Learner *learner, LinearInputs *inputs, int n_outputs, bool is_scaled)
{
	int			n = learner->features.n;

	*inputs = (LinearInputs){.n_features = n, .n_outputs = n_outputs, .is_scaled = is_scaled};
	if (n > 0)
	{
		inputs->scales = learner_room(learner, (size_t) n * sizeof(Scale));
		inputs->n_inputs = learner_room(learner, (size_t) n * sizeof(int));
		inputs->coefficients = learner_room(learner, (size_t) n * sizeof(Coefficient *));
	}
	if (n_outputs > 0)
		inputs->intercepts = learner_room(learner, (size_t) n_outputs * sizeof(Coefficient));
}

void
linear_inputs_free(Learner *learner, LinearInputs *inputs)
{
	size_t		n = (size_t) inputs->n_features;
	size_t		n_outputs = (size_t) inputs->n_outputs;

	for (size_t i = 0; i < n; i++)
		learner_release(learner, inputs->coefficients[i], (size_t) inputs->n_inputs[i] * n_outputs * sizeof(Coefficient));
	learner_release(learner, inputs->scales, n * sizeof(Scale));
	learner_release(learner, inputs->n_inputs, n * sizeof(int));
	learner_release(learner, inputs->coefficients, n * sizeof(Coefficient *));
	learner_release(learner, inputs->intercepts, n_outputs * sizeof(Coefficient));
}

size_t
linear_inputs_size(const Learner *learner, const LinearInputs *from)
{
	size_t		size = (size_t) learner->features.n * (sizeof(Scale) + sizeof(int) + sizeof(Coefficient *)) + sizeof(Coefficient);

	for (int i = 0; from != NULL && i < from->n_features; i++)
		size += (size_t) from->n_inputs[i] * sizeof(Coefficient);
	return size;
}

/* Room for more outputs: every input's coefficients move apart. Without memory there are no more. */
static void
add_outputs(Learner *learner, LinearInputs *inputs, int n_outputs)
{
	size_t		old = (size_t) inputs->n_outputs * sizeof(Coefficient);
	size_t		new = (size_t) n_outputs * sizeof(Coefficient);
	size_t		growth = new - old;

	for (int i = 0; i < inputs->n_features; i++)
		growth += (size_t) inputs->n_inputs[i] * (new - old);
	if (!learner_make_room(learner, growth))
		return;
	for (int i = 0; i < inputs->n_features; i++)
	{
		size_t		n = (size_t) inputs->n_inputs[i];
		char	   *coefficients;

		if (n == 0)
			continue;
		coefficients = learner_grow(learner->allocator, inputs->coefficients[i], n * old, n * new);
		for (size_t j = n; j-- > 0;)
		{
			memmove(coefficients + j * new, coefficients + j * old, old);
			memset(coefficients + j * new + old, 0, new - old);
		}
		inputs->coefficients[i] = (Coefficient *) coefficients;
	}
	inputs->intercepts = learner_grow(learner->allocator, inputs->intercepts, old, new);
	inputs->n_outputs = n_outputs;
}

static void
add_input(Learner *learner, LinearInputs *inputs, int feature, int n)
{
	size_t		stride = (size_t) inputs->n_outputs * sizeof(Coefficient);

	if (!learner_make_room(learner, (size_t) (n - inputs->n_inputs[feature]) * stride))
		return;
	inputs->coefficients[feature] = learner_grow(learner->allocator, inputs->coefficients[feature],
												 (size_t) inputs->n_inputs[feature] * stride, (size_t) n * stride);
	inputs->n_inputs[feature] = n;
}

void
linear_inputs_copy(Learner *learner, LinearInputs *inputs, const LinearInputs *from)
{
	size_t		stride = (size_t) from->n_outputs * sizeof(Coefficient);

	memcpy(inputs->scales, from->scales, (size_t) from->n_features * sizeof(Scale));
	memcpy(inputs->intercepts, from->intercepts, stride);
	for (int i = 0; i < from->n_features; i++)
		if (from->n_inputs[i] > 0)
		{
			add_input(learner, inputs, i, from->n_inputs[i]);
			if (inputs->n_inputs[i] == from->n_inputs[i])
				memcpy(inputs->coefficients[i], from->coefficients[i], (size_t) from->n_inputs[i] * stride);
		}
}

void
linear_inputs_prepare(Learner *learner, LinearInputs *inputs, const double *row, int n_outputs)
{
	if (n_outputs > inputs->n_outputs)
		add_outputs(learner, inputs, n_outputs);
	if (inputs->n_outputs == 0)
		return;
	for (int i = 0; i < inputs->n_features; i++)
	{
		Scale	   *scale = &inputs->scales[i];
		double		value = row[i];
		double		deviation;

		if (isnan(value))
			continue;
		if (learner->is_categorical[i])
		{
			if (value >= inputs->n_inputs[i])
				add_input(learner, inputs, i, (int) value + 1);
			continue;
		}
		if (inputs->n_inputs[i] == 0)
			add_input(learner, inputs, i, 1);
		if (learner->is_indicator[i])
			continue;
		/* Welford (1962). */
		scale->n += 1;
		deviation = value - scale->mean;
		scale->mean += deviation / scale->n;
		scale->variance += (deviation * (value - scale->mean) - scale->variance) / scale->n;
	}
}

void
linear_outputs(const Learner *learner, const LinearInputs *inputs, const double *row, double *outputs)
{
	for (int output = 0; output < inputs->n_outputs; output++)
		outputs[output] = inputs->intercepts[output].value;
	for (int i = 0; i < inputs->n_features; i++)
	{
		Coefficient *coefficients;
		double		value = linear_input(learner, inputs, row, i, &coefficients);

		if (coefficients != NULL)
			for (int output = 0; output < inputs->n_outputs; output++)
				outputs[output] += coefficients[output].value * value;
	}
}

void
linear_contributions(const Learner *learner, const LinearInputs *inputs, const double *row, int output, double *bias,
					 double *contributions)
{
	*bias = inputs->intercepts[output].value;
	for (int i = 0; i < inputs->n_features; i++)
	{
		Coefficient *coefficients;
		double		value = linear_input(learner, inputs, row, i, &coefficients);

		contributions[i] = coefficients == NULL ? 0 : coefficients[output].value * value;
	}
}

static void
archive_coefficients(Archive *archive, Coefficient *coefficients, int n)
{
	for (int i = 0; i < n; i++)
	{
		archive_double(archive, &coefficients[i].value);
		archive_double(archive, &coefficients[i].first);
		archive_double(archive, &coefficients[i].second);
		archive_double(archive, &coefficients[i].penalty);
	}
}

/* Inputs that were started with no outputs or with as many as they always have. */
void
archive_linear_inputs(Archive *archive, LinearInputs *inputs)
{
	int			n_outputs = inputs->n_outputs;

	archive_count(archive, &n_outputs, inputs->n_outputs, LEARNER_MAX_CLASSES);
	if (archive_reads(archive) && n_outputs > inputs->n_outputs)
	{
		Coefficient *more;

		if ((size_t) n_outputs * sizeof(Coefficient) > archive_left(archive))
			archive_refuse(archive);
		more = archive_room(archive, archive_is_corrupt(archive) ? 0 : n_outputs, sizeof(Coefficient));
		if (more == NULL)
			return;
		if (inputs->intercepts != NULL)
			archive->allocator.resize(archive->allocator.context, inputs->intercepts,
									  (size_t) inputs->n_outputs * sizeof(Coefficient), 0);
		inputs->intercepts = more;
		inputs->n_outputs = n_outputs;
	}
	archive_coefficients(archive, inputs->intercepts, inputs->n_outputs);
	for (int i = 0; i < inputs->n_features && !archive_is_corrupt(archive); i++)
	{
		int			n = inputs->n_inputs[i];

		archive_double(archive, &inputs->scales[i].n);
		archive_double(archive, &inputs->scales[i].mean);
		archive_double(archive, &inputs->scales[i].variance);
		archive_count(archive, &n, 0, LEARNER_MAX_CATEGORIES);
		if (archive_reads(archive))
		{
			int64_t		total = (int64_t) n * inputs->n_outputs;

			if ((uint64_t) total * sizeof(Coefficient) > archive_left(archive))
				archive_refuse(archive);
			inputs->coefficients[i] = archive_room(archive, archive_is_corrupt(archive) ? 0 : total, sizeof(Coefficient));
			if (inputs->coefficients[i] == NULL)
				n = 0;
			inputs->n_inputs[i] = n;
		}
		archive_coefficients(archive, inputs->coefficients[i], n * inputs->n_outputs);
	}
}
