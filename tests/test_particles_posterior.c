/* Twisted sequential Monte Carlo: the posterior and the evidence of mixtures, within confidence. */
#include "particles_testing.h"

/* --------------------------------------------------------------------------------------------------- closed forms */

/* Weights of the components given y; returns ln p(y). */
static double components_given_y(const struct world *w, double *weight)
{
	double top = -INFINITY, sum = 0;
	for (int k = 0; k < w->prior->n; k++) {
		struct moments part;
		memset(&part, 0, sizeof part);
		memcpy(part.mean, w->prior->mean[k], sizeof part.mean);
		for (int i = 0; i < DIM; i++)
			part.covariance[i][i] = pow(w->prior->deviation[k][i], 2);
		weight[k] = log(w->prior->weight[k]) - 0.5 * w->n_seen * log(2 * acos(-1));
		for (int i = 0; i < w->n_seen; i++)
			weight[k] += condition(&part, w->a[i], w->y[i], w->noise);
		top = fmax(top, weight[k]);
	}
	for (int k = 0; k < w->prior->n; k++)
		sum += exp(weight[k] - top);
	for (int k = 0; k < w->prior->n; k++)
		weight[k] = exp(weight[k] - top) / sum;
	return top + log(sum);
}

static void components_given_x0(const struct prior *p, const double *x, double *weight)
{
	for (int k = 0; k < p->n; k++) {
		weight[k] = log(p->weight[k]);
		for (int i = 0; i < DIM; i++)
			weight[k] -= 0.5 * pow((x[i] - p->mean[k][i]) / p->deviation[k][i], 2) + log(p->deviation[k][i]);
	}
	soften(weight, p->n);
}

/* ------------------------------------------------------------------------------------------------------- posterior */

enum { N_MOMENT = DIM + DIM * (DIM + 1) / 2 + MAX_PART };

/* Elements, their products, weights of the components. */
static void moments_of(const struct prior *p, const double *x, double *out)
{
	int n = 0;
	for (int i = 0; i < DIM; i++)
		out[n++] = x[i];
	for (int i = 0; i < DIM; i++)
		for (int j = i; j < DIM; j++)
			out[n++] = x[i] * x[j];
	components_given_x0(p, x, out + n);
}

static void exact_moments(const struct world *w, double *out)
{
	struct moments m = exact_posterior(w);
	int n = 0;
	for (int i = 0; i < DIM; i++)
		out[n++] = m.mean[i];
	for (int i = 0; i < DIM; i++)
		for (int j = i; j < DIM; j++)
			out[n++] = m.covariance[i][j] + m.mean[i] * m.mean[j];
	components_given_y(w, out + n);
}

/* The largest distance of a moment from the exact one, in standard errors; groups count by their evidence, so that all
 * of them together are one large group, and the error is that of a ratio of sums over groups. */
static double worst_moment(const struct world *w, const struct outcome *o, size_t n_group, size_t n_particle,
                           double allowed)
{
	double exact[N_MOMENT] = {0}, sum[N_MOMENT] = {0}, total = 0, worst = 0;
	double(*group)[N_MOMENT] = calloc(n_group, sizeof *group), *evidence = calloc(n_group, sizeof *evidence);
	exact_moments(w, exact);
	for (size_t g = 0; g < n_group; g++) {
		evidence[g] = exp(o->log_evidence[g] - components_given_y(w, (double[MAX_PART]){0}));
		total += evidence[g];
		for (size_t k = g * n_particle; k < (g + 1) * n_particle; k++) {
			double m[N_MOMENT] = {0}; /* a prior of fewer parts leaves the rest */
			moments_of(w->prior, o->x + k * DIM, m);
			for (int i = 0; i < N_MOMENT; i++)
				group[g][i] += o->weight[k] * m[i];
		}
		for (int i = 0; i < N_MOMENT; i++)
			sum[i] += evidence[g] * group[g][i];
	}
	for (int i = 0; i < N_MOMENT; i++) {
		double mean = sum[i] / total, variance = 0;
		for (size_t g = 0; g < n_group; g++)
			variance += pow(evidence[g] * (group[g][i] - mean), 2);
		worst = fmax(worst, (fabs(mean - exact[i]) - allowed) / (sqrt(variance) / total));
	}
	free(group);
	free(evidence);
	return worst;
}

/* The same for p(y) relative to the exact one; its estimate is unbiased for the chain. */
static double worst_evidence(const struct world *w, const struct outcome *o, size_t n_group, double allowed)
{
	double exact = components_given_y(w, (double[MAX_PART]){0}), mean = 0, square = 0;
	for (size_t g = 0; g < n_group; g++) {
		double ratio = exp(o->log_evidence[g] - exact);
		mean += ratio / (double)n_group;
		square += ratio * ratio / (double)n_group;
	}
	return (fabs(mean - 1) - allowed) / sqrt((square - mean * mean) / (double)(n_group - 1));
}

/* Ways to the same posterior. What the chain itself is off by at this number of steps is allowed for: 0.01 of a moment, 0.02
 * of the evidence; the rest must lie within 4.5 standard errors (18 numbers a way: 1 chance in 600 over all ways if they
 * were independent). */
static void test_posterior(void **state)
{
	static const struct {
		int by_operator, way;
		const char *options, *kind, *schedule;
	} ways[] = {
	    {1, EXACT, "noise=0.7,data=0", "epsilon", "vp"},
	    {1, EXACT, "noise=0.7", "x0", "vp"},
	    {1, EXACT, "noise=0.7,data=0.9,resample=multinomial,threshold=1", "v", "vp"},
	    {1, EXACT, "noise=0.7,data=0.9,jacobian=none,variance=large", "edm", "edm"},
	    {1, EXACT, "noise=0.7,data=0.9,scale=0", "epsilon", "vp"},
	    {0, EXACT, "target=3", "v", "vp"},
	    {0, WRONG, "target=3", "epsilon", "vp"},
	    {0, WRONG, "target=3,twist=state,threshold=0.8", "x0", "vp"},
	};
	enum { N_GROUP = 24, N_PARTICLE = 96 };
	(void)state;
	for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
		struct scene s = scene();
		char options[128];
		s.way = ways[k].way;
		s.kind = ways[k].kind;
		s.w.input = !strcmp(s.kind, "edm");
		s.schedule = ways[k].schedule;
		s.grid = "log_snr:steps=160,final=zero";
		s.at_state = strstr(ways[k].options, "state") != NULL;
		snprintf(options, sizeof options, "%s,seed=%zu", ways[k].options, k + 1);
		struct outcome *o = sample(&s, ways[k].by_operator, options, N_GROUP, N_PARTICLE, 0);
		double moment = worst_moment(&s.w, o, N_GROUP, N_PARTICLE, 0.015);
		double evidence = worst_evidence(&s.w, o, N_GROUP, 0.03);
		if (!(moment < 4.5 && evidence < 4.5))
			fail_msg("%s: %g standard errors from a moment, %g from the evidence", options, moment, evidence);
		free(o);
	}
}

/* A measurement far sharper than the prior: with the defaults the particles stay with the data, their evidence right. */
static void test_sharp_measurement(void **state)
{
	enum { N_GROUP = 24, N_PARTICLE = 96 };
	static const double noises[] = {0.1, 0.05, 0.02};
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct scene s = scene();
		char options[40];
		s.w.prior = &uneven;
		s.w.noise = noises[k];
		s.kind = "v";
		s.grid = "log_snr:steps=100,final=zero";
		snprintf(options, sizeof options, "noise=%g,seed=%zu", noises[k], k + 1);
		struct outcome *o = sample(&s, 1, options, N_GROUP, N_PARTICLE, 0);
		double moment = worst_moment(&s.w, o, N_GROUP, N_PARTICLE, 0.02);
		double evidence = worst_evidence(&s.w, o, N_GROUP, 0.1);
		if (!(moment < 4.5 && evidence < 4.5))
			fail_msg("%s: %g standard errors from a moment, %g from the evidence", options, moment, evidence);
		free(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_posterior),
	    cmocka_unit_test(test_sharp_measurement),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
