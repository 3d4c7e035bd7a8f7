/*
 * loss_model.c
 *		Direct loss estimation: fitting, and the stored form.
 *
 * Bytes: version, rows, features; per feature its edges; per kind of loss whether it is there, base, deviation, trees.  A tree is
 *its nodes, each before its children: 0 and the value of a leaf; or 1 (missing to the right) or 2 (to the left), feature, bin.
 */
#include "quality/loss_model.h"

#include <math.h>
#include <string.h>

#include "base/wire.h"

#define VERSION 1

const char *const loss_names[LOSS_N_KINDS] = {"absolute", "squared", "percentage", "squared_logarithmic"};

double
loss_of_row(LossKind kind, double label, double prediction)
{
	double		error = prediction - label;

	switch (kind)
	{
		case LOSS_ABSOLUTE: return fabs(error);
		case LOSS_SQUARED: return error * error;
		case LOSS_PERCENTAGE: return label == 0 ? NAN : fabs(error / label);
		default: break;
	}
	if (!(label > -1 && prediction > -1))
		return NAN;
	error = log1p(prediction) - log1p(label);
	return error * error;
}

static LossModel *
create(Allocator allocator)
{
	LossModel  *model = allocator.resize(allocator.context, NULL, 0, sizeof(LossModel));

	memset(model, 0, sizeof(LossModel));
	model->allocator = allocator;
	return model;
}

LossModel *
loss_model_fit(Allocator allocator, const double *rows, size_t n, int n_features, void (*interrupt)(void))
{
	LossModel  *model = create(allocator);
	size_t		width = (size_t) n_features + 1; /* with the label */
	size_t		cells = n * (size_t) n_features;
	double	   *features = allocator.resize(allocator.context, NULL, 0, (cells + 1) * sizeof(double));
	uint8_t	   *binned = allocator.resize(allocator.context, NULL, 0, cells + 1);
	double	   *losses = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(double));

	model->n = (int64_t) n;
	for (size_t i = 0; i < n; i++)
		memcpy(features + i * (size_t) n_features, rows + i * width + 1, (size_t) n_features * sizeof(double));
	model->bins = loss_bins_fit(allocator, features, n, n_features);
	for (int f = 0; f < n_features; f++)
		for (size_t i = 0; i < n; i++)
			binned[(size_t) f * n + i] = loss_bin(model->bins, f, features[i * (size_t) n_features + (size_t) f]);
	allocator.resize(allocator.context, features, (cells + 1) * sizeof(double), 0);
	for (int kind = 0; kind < LOSS_N_KINDS; kind++)
	{
		bool		all = true;

		for (size_t i = 0; i < n; i++)
		{
			losses[i] = loss_of_row((LossKind) kind, rows[i * width], rows[i * width + 1]);
			all = all && isfinite(losses[i]);
		}
		if (all)
			model->trees[kind] = loss_trees_fit(allocator, model->bins, binned, losses, n, interrupt);
	}
	allocator.resize(allocator.context, binned, cells + 1, 0);
	allocator.resize(allocator.context, losses, (n + 1) * sizeof(double), 0);
	return model;
}

void
loss_model_free(LossModel *model)
{
	Allocator	allocator = model->allocator;

	for (int kind = 0; kind < LOSS_N_KINDS; kind++)
		if (model->trees[kind] != NULL)
			loss_trees_free(model->trees[kind]);
	if (model->bins != NULL)
		loss_bins_free(model->bins);
	allocator.resize(allocator.context, model, sizeof(LossModel), 0);
}

void
loss_model_bins(const LossModel *model, const double *features, uint8_t *row)
{
	for (int f = 0; f < model->bins->n_features; f++)
		row[f] = loss_bin(model->bins, f, features[f]);
}

/* ---- bytes ---- */

static size_t
put_double(uint8_t *buffer, size_t at, double value)
{
	uint64_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	for (int i = 7; i >= 0; i--)
		at = wire_put_byte(buffer, at, (uint8_t) (bits >> 8 * i));
	return at;
}

static double
get_double(WireReader *reader)
{
	uint64_t	bits = 0;
	double		value;

	for (int i = 0; i < 8; i++)
		bits = bits << 8 | wire_get_byte(reader);
	memcpy(&value, &bits, sizeof(value));
	if (!isfinite(value))
		reader->corrupt = true;
	return value;
}

static size_t
put_tree(uint8_t *buffer, size_t at, const LossTree *tree)
{
	for (int i = 0; i < tree->n_nodes; i++)
	{
		const LossNode *node = &tree->nodes[i];

		if (node->is_leaf)
		{
			at = wire_put_byte(buffer, at, 0);
			at = put_double(buffer, at, node->value);
			continue;
		}
		at = wire_put_byte(buffer, at, node->missing_left ? 2 : 1);
		at = wire_put_integer(buffer, at, node->feature);
		at = wire_put_byte(buffer, at, node->bin);
	}
	return at;
}

size_t
loss_model_encode(const LossModel *model, uint8_t *buffer)
{
	size_t		at = wire_put_byte(buffer, 0, VERSION);

	at = wire_put_integer(buffer, at, (uint64_t) model->n);
	at = wire_put_integer(buffer, at, (uint64_t) model->bins->n_features);
	for (int f = 0; f < model->bins->n_features; f++)
	{
		at = wire_put_integer(buffer, at, (uint64_t) model->bins->n_edges[f]);
		for (int i = 0; i < model->bins->n_edges[f]; i++)
			at = put_double(buffer, at, model->bins->edges[f][i]);
	}
	for (int kind = 0; kind < LOSS_N_KINDS; kind++)
	{
		const LossTrees *trees = model->trees[kind];

		at = wire_put_byte(buffer, at, trees != NULL);
		if (trees == NULL)
			continue;
		at = put_double(buffer, at, trees->base);
		at = put_double(buffer, at, trees->deviation);
		at = wire_put_integer(buffer, at, (uint64_t) trees->n_trees);
		for (int i = 0; i < trees->n_trees; i++)
			at = put_tree(buffer, at, &trees->trees[i]);
	}
	return at;
}

/* A node and what is below it; as deep as there are nodes. */
static void
get_node(WireReader *reader, int n_features, LossTree *tree)
{
	LossNode   *node;
	uint8_t		tag = wire_get_byte(reader);

	if (tree->n_nodes == 2 * LOSS_TREE_LEAVES - 1 || tag > 2)
		reader->corrupt = true;
	if (reader->corrupt)
		return;
	node = &tree->nodes[tree->n_nodes++];
	memset(node, 0, sizeof(LossNode));
	node->is_leaf = tag == 0;
	if (node->is_leaf)
	{
		node->value = get_double(reader);
		return;
	}
	node->missing_left = tag == 2;
	node->feature = (uint16_t) wire_get_at_most(reader, (uint64_t) n_features - 1);
	node->bin = wire_get_byte(reader);
	get_node(reader, n_features, tree);
	node->right = (uint16_t) tree->n_nodes;
	get_node(reader, n_features, tree);
}

static LossTrees *
get_trees(WireReader *reader, Allocator allocator, int n_features)
{
	LossTrees  *trees = allocator.resize(allocator.context, NULL, 0, sizeof(LossTrees));

	memset(trees, 0, sizeof(LossTrees));
	trees->allocator = allocator;
	trees->base = get_double(reader);
	trees->deviation = get_double(reader);
	trees->n_trees = (int) wire_get_at_most(reader, LOSS_TREES);
	trees->trees = allocator.resize(allocator.context, NULL, 0, LOSS_TREES * sizeof(LossTree));
	for (int i = 0; i < trees->n_trees; i++)
	{
		trees->trees[i].n_nodes = 0;
		get_node(reader, n_features, &trees->trees[i]);
	}
	return trees;
}

static LossBins *
get_bins(WireReader *reader, Allocator allocator)
{
	LossBins   *bins = allocator.resize(allocator.context, NULL, 0, sizeof(LossBins));

	bins->allocator = allocator;
	bins->n_features = (int) wire_get_at_most(reader, LOSS_TREE_MAX_FEATURES);
	if (bins->n_features == 0)
		reader->corrupt = true;
	bins->n_edges = allocator.resize(allocator.context, NULL, 0, (size_t) (bins->n_features + 1) * sizeof(int));
	bins->edges = allocator.resize(allocator.context, NULL, 0, (size_t) (bins->n_features + 1) * sizeof(double *));
	for (int f = 0; f < bins->n_features; f++)
	{
		bins->edges[f] = allocator.resize(allocator.context, NULL, 0, LOSS_TREE_BINS * sizeof(double));
		bins->n_edges[f] = (int) wire_get_at_most(reader, LOSS_TREE_BINS - 1);
		for (int i = 0; i < bins->n_edges[f]; i++)
		{
			bins->edges[f][i] = get_double(reader);
			if (i > 0 && !(bins->edges[f][i] > bins->edges[f][i - 1]))
				reader->corrupt = true;
		}
	}
	return bins;
}

LossModel *
loss_model_decode(Allocator allocator, const uint8_t *bytes, size_t size)
{
	WireReader	reader = {.bytes = bytes, .size = size};
	LossModel  *model = create(allocator);

	if (wire_get_byte(&reader) != VERSION)
		reader.corrupt = true;
	model->n = (int64_t) wire_get_at_most(&reader, INT64_MAX);
	model->bins = get_bins(&reader, allocator);
	for (int kind = 0; kind < LOSS_N_KINDS && !reader.corrupt; kind++)
	{
		uint8_t		there = wire_get_byte(&reader);

		if (there > 1)
			reader.corrupt = true;
		if (there == 1 && !reader.corrupt)
			model->trees[kind] = get_trees(&reader, allocator, model->bins->n_features);
	}
	if (!reader.corrupt && reader.position == size)
		return model;
	loss_model_free(model);
	return NULL;
}
