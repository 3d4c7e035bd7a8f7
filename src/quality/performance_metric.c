/*
 * performance_metric.c
 *		The metrics of performance by name, and which way each is better.
 */
#include "quality/performance_metric.h"

#include <math.h>
#include <string.h>

#define OF_BINARY \
	{ \
		[PERFORMANCE_BINARY] = true \
	}
#define OF_CLASS \
	{ \
		[PERFORMANCE_CLASS] = true \
	}
#define OF_BOTH \
	{ \
		[PERFORMANCE_BINARY] = true, [PERFORMANCE_CLASS] = true \
	}
#define OF_REGRESSION \
	{ \
		[PERFORMANCE_REGRESSION] = true \
	}

static const PerformanceMetric metrics[] = {
	{"roc_auc", "auc", 1, 0, 1, true, false, OF_BINARY},
	{"gini", NULL, 1, -1, 1, true, false, OF_BINARY},
	{"average_precision", "pr_auc", 1, 0, 1, true, false, OF_BINARY},
	{"kolmogorov_smirnov", NULL, 1, 0, 1, true, false, OF_BINARY},
	{"log_loss", NULL, -1, 0, INFINITY, true, false, OF_BINARY},
	{"brier_score", "brier", -1, 0, 1, true, false, OF_BINARY},
	{"brier_skill_score", NULL, 1, -INFINITY, 1, true, false, OF_BINARY},
	{"accuracy", NULL, 1, 0, 1, false, false, OF_BOTH},
	{"balanced_accuracy", NULL, 1, 0, 1, false, false, OF_BOTH},
	{"precision", NULL, 1, 0, 1, false, false, OF_BINARY},
	{"recall", NULL, 1, 0, 1, false, false, OF_BINARY},
	{"specificity", NULL, 1, 0, 1, false, false, OF_BINARY},
	{"negative_predictive_value", "npv", 1, 0, 1, false, false, OF_BINARY},
	{"false_positive_rate", "fpr", -1, 0, 1, false, false, OF_BINARY},
	{"false_negative_rate", "fnr", -1, 0, 1, false, false, OF_BINARY},
	{"false_discovery_rate", "fdr", -1, 0, 1, false, false, OF_BINARY},
	{"false_omission_rate", NULL, -1, 0, 1, false, false, OF_BINARY},
	{"selection_rate", NULL, 0, 0, 1, false, false, OF_BINARY},
	{"base_rate", NULL, 0, 0, 1, false, false, OF_BINARY},
	{"f1", NULL, 1, 0, 1, false, false, OF_BINARY},
	{"f_beta", "fbeta", 1, 0, 1, false, false, OF_BINARY, "beta"},
	{"jaccard", NULL, 1, 0, 1, false, false, OF_BINARY},
	{"matthews_correlation", "mcc", 1, -1, 1, false, false, OF_BOTH},
	{"cohen_kappa", "kappa", 1, -1, 1, false, false, OF_BOTH},
	{"youden_j", NULL, 1, -1, 1, false, false, OF_BINARY},
	{"geometric_mean", NULL, 1, 0, 1, false, false, OF_BINARY},
	{"lift", NULL, 1, 0, INFINITY, false, false, OF_BINARY},
	{"macro_roc_auc", NULL, 1, 0, 1, false, false, OF_CLASS, "classes"},
	{"weighted_roc_auc", NULL, 1, 0, 1, false, false, OF_CLASS, "classes"},
	{"macro_average_precision", NULL, 1, 0, 1, false, false, OF_CLASS, "classes"},
	{"weighted_average_precision", NULL, 1, 0, 1, false, false, OF_CLASS, "classes"},
	{"macro_precision", NULL, 1, 0, 1, false, false, OF_CLASS},
	{"macro_recall", NULL, 1, 0, 1, false, false, OF_CLASS},
	{"macro_f1", NULL, 1, 0, 1, false, false, OF_CLASS},
	{"macro_f_beta", NULL, 1, 0, 1, false, false, OF_CLASS, "beta"},
	{"weighted_precision", NULL, 1, 0, 1, false, false, OF_CLASS},
	{"weighted_recall", NULL, 1, 0, 1, false, false, OF_CLASS},
	{"weighted_f1", NULL, 1, 0, 1, false, false, OF_CLASS},
	{"weighted_f_beta", NULL, 1, 0, 1, false, false, OF_CLASS, "beta"},
	{"majority_accuracy", NULL, 0, 0, 1, false, true, OF_BOTH},
	{"kappa_majority", NULL, 1, -INFINITY, 1, false, false, OF_BOTH},
	{"mean_error", "bias", 0, -INFINITY, INFINITY, false, false, OF_REGRESSION},
	{"mean_absolute_error", "mae", -1, 0, INFINITY, false, false, OF_REGRESSION},
	{"mean_squared_error", "mse", -1, 0, INFINITY, false, false, OF_REGRESSION},
	{"root_mean_squared_error", "rmse", -1, 0, INFINITY, false, false, OF_REGRESSION},
	{"median_absolute_error", NULL, -1, 0, INFINITY, false, false, OF_REGRESSION},
	{"max_error", NULL, -1, 0, INFINITY, false, false, OF_REGRESSION},
	{"r2", NULL, 1, -INFINITY, 1, false, false, OF_REGRESSION},
	{"adjusted_r2", NULL, 1, -INFINITY, 1, false, false, OF_REGRESSION, "n_features"},
	{"explained_variance", NULL, 1, -INFINITY, 1, false, false, OF_REGRESSION},
	{"correlation", NULL, 1, -1, 1, false, false, OF_REGRESSION},
	{"mean_absolute_percentage_error", "mape", -1, 0, INFINITY, false, false, OF_REGRESSION},
	{"symmetric_mean_absolute_percentage_error", "smape", -1, 0, 2, false, false, OF_REGRESSION},
	{"root_mean_squared_logarithmic_error", "rmsle", -1, 0, INFINITY, false, false, OF_REGRESSION},
	{"pinball_loss", "quantile_loss", -1, 0, INFINITY, false, false, OF_REGRESSION, "quantile"},
	{"coverage", NULL, 0, 0, 1, false, false, OF_REGRESSION, "quantile"},
	{"mean_forecast_squared_error", NULL, 0, 0, INFINITY, false, true, OF_REGRESSION},
};

const PerformanceMetric *
performance_metric(int i)
{
	return i >= 0 && i < (int) (sizeof(metrics) / sizeof(metrics[0])) ? &metrics[i] : NULL;
}

const PerformanceMetric *
performance_metric_find(const char *name)
{
	for (int i = 0; performance_metric(i) != NULL; i++)
		if (strcmp(metrics[i].name, name) == 0 || (metrics[i].alias != NULL && strcmp(metrics[i].alias, name) == 0))
			return &metrics[i];
	return NULL;
}
