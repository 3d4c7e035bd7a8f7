/*
 * fairness_stratified.c
 *		Disparity that strata do not explain.
 */
#include <math.h>
#include <string.h>

#include "base/distributions.h"
#include "fairness/fairness_audit.h"

typedef struct Sums
{
	double		weight;			/* of the risk difference */
	double		weighted_difference;
	double		sato_p;
	double		sato_q;
	double		r;				/* of the odds ratio */
	double		s;
	double		pr;
	double		ps_qr;
	double		qs;
	double		observed;		/* of the test */
	double		expected;
	double		variance;
} Sums;

static void
add_stratum(Sums *sums, const Stratum *stratum)
{
	double		a = (double) stratum->group.successes;
	double		n1 = (double) stratum->group.trials;
	double		b = n1 - a;
	double		c = (double) stratum->reference.successes;
	double		n0 = (double) stratum->reference.trials;
	double		d = n0 - c;
	double		n = n1 + n0;
	double		p = (a + d) / n;
	double		q = (b + c) / n;
	double		r = a * d / n;
	double		s = b * c / n;

	sums->weight += n1 * n0 / n;
	sums->weighted_difference += (a * n0 - c * n1) / n;
	sums->sato_p += (n1 * n1 * c - n0 * n0 * a + n1 * n0 * (n0 - n1) / 2) / (n * n);
	sums->sato_q += (a * (n0 - c) + c * (n1 - a)) / (2 * n);
	sums->r += r;
	sums->s += s;
	sums->pr += p * r;
	sums->ps_qr += p * s + q * r;
	sums->qs += q * s;
	sums->observed += a;
	sums->expected += (a + c) * n1 / n;
	if (n > 1)
		sums->variance += (a + c) * (b + d) * n1 * n0 / (n * n * (n - 1));
}

void
fairness_stratified(const Stratum *strata, size_t n, double z, StratifiedDisparity *result)
{
	Sums		sums;
	double		rows = 0;
	double		disparity = 0;
	double		half;

	memset(&sums, 0, sizeof(sums));
	memset(result, 0, sizeof(StratifiedDisparity));
	for (size_t i = 0; i < n; i++)
	{
		double		all = (double) strata[i].all.trials;
		double		chosen = (double) strata[i].all.successes;
		double		group_chosen = (double) strata[i].group.successes;
		double		group_refused = (double) strata[i].group.trials - group_chosen;

		rows += all;
		/* A stratum in which nobody is chosen, or nobody refused, shows no disparity. */
		if (chosen > 0 && chosen < all)
			disparity += all * (group_refused / (all - chosen) - group_chosen / chosen);
		if (strata[i].group.trials == 0 || strata[i].reference.trials == 0)
			continue;
		add_stratum(&sums, &strata[i]);
		result->n += strata[i].group.trials + strata[i].reference.trials;
		result->n_strata++;
	}
	result->demographic_disparity = rows == 0 ? NAN : disparity / rows;
	result->difference = result->difference_low = result->difference_high = NAN;
	result->odds_ratio = result->odds_ratio_low = result->odds_ratio_high = result->p_value = NAN;
	if (result->n_strata == 0)
		return;
	result->difference = sums.weighted_difference / sums.weight;
	half = z * sqrt(fmax(0, result->difference * sums.sato_p + sums.sato_q)) / sums.weight;
	result->difference_low = fmax(-1, result->difference - half);
	result->difference_high = fmin(1, result->difference + half);
	if (sums.r > 0 && sums.s > 0)
	{
		result->odds_ratio = sums.r / sums.s;
		half = z * sqrt(sums.pr / (2 * sums.r * sums.r) + sums.ps_qr / (2 * sums.r * sums.s) + sums.qs / (2 * sums.s * sums.s));
		result->odds_ratio_low = result->odds_ratio * exp(-half);
		result->odds_ratio_high = result->odds_ratio * exp(half);
	}
	if (sums.variance > 0)
		result->p_value = chi_square_upper((sums.observed - sums.expected) * (sums.observed - sums.expected) / sums.variance, 1);
	else
		result->p_value = 1;
}
