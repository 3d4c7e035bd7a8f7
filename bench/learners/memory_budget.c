/*
 * memory_budget.c
 *		Trains a learner on a generated stream, outside any server, within a budget of memory; prints the most bytes that it held,
 *		and how good it was, asked about one row in 20 before it learned it: the share of rows that were right or, of numbers, R
 *		squared.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "learn/learner.h"
#include "learn/stream.h"

#define ASK_EVERY 20

static Learner *
new_learner(int kind, double budget, int n_features)
{
	double		options[LEARNER_MAX_OPTIONS];
	int			window = learner_find_option(kind, "window");
	Learner	   *learner;

	learner_initial_options(kind, options);
	options[learner_find_option(kind, "max_memory")] = budget;
	/* What keeps rows is to keep more than the budget has room for. */
	if (window >= 0)
		options[window] = 50000;
	learner = learner_create((Allocator){.resize = resize}, kind, options);
	for (int i = 0; i < n_features; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "x%d", i + 1);
		learner_add_feature(learner, name, strlen(name), false);
	}
	return learner;
}

/* Asked before it learns; for what is right. */
typedef struct Score
{
	double		n;
	double		hits;
	double		sum;
	double		squares;
	double		errors;
} Score;

static void
ask(const Learner *learner, const double *row, double target, Score *score)
{
	double		probabilities[LEARNER_MAX_CLASSES];
	double		error;

	score->n++;
	if (learner_tells_classes(learner_kind(learner)))
	{
		learner_probabilities(learner, row, probabilities);
		score->hits += learner_most_probable(learner, probabilities) == (int) target;
		return;
	}
	error = learner_number(learner, row) - target;
	score->errors += isnan(error) ? target * target : error * error;
	score->sum += target;
	score->squares += target * target;
}

int
main(int argc, char **argv)
{
	int			kind = argc == 4 ? learner_find(argv[1]) : -1;
	long		n_rows = argc == 4 ? atol(argv[2]) : 0;
	StreamKind	stream_kind = (StreamKind) stream_find("random_tree");
	Stream	   *stream;
	Learner	   *learner;
	double		row[STREAM_MAX_FEATURES];
	Score		score = {0};
	size_t		largest = 0;

	if (kind < 0)
	{
		fprintf(stderr, "usage: memory_budget LEARNER ROWS BYTES\n");
		return EXIT_FAILURE;
	}
	stream = stream_create((Allocator){.resize = resize}, stream_kind, 1, 0, -1, 1, 0.1);
	learner = new_learner(kind, atof(argv[3]), stream_n_features(stream_kind));
	for (long i = 0; i < n_rows; i++)
	{
		int			class = stream_next(stream, row);
		double		target =
			learner_tells_classes(kind) ? learner_class_add(learner, class == 0 ? "0" : "1", 1) : 3 * class + row[0] - row[1];

		if (i % ASK_EVERY == 0)
			ask(learner, row, target, &score);
		learner_learn(learner, row, target, 1);
		if (learner_memory(learner) > largest)
			largest = learner_memory(learner);
	}
	printf("%zu %g\n", largest,
		   learner_tells_classes(kind) ? score.hits / score.n
									   : 1 - score.errors / (score.squares - score.sum * score.sum / score.n));
	learner_free(learner);
	stream_free(stream);
	return EXIT_SUCCESS;
}
