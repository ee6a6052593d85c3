#include "mixture.h"
#include <math.h>
#include <string.h>

enum { MAX_COMPONENT = 16 };

int mixture_given(const struct test_case *c)
{
	const struct case_array *mean = case_array(c, "gmm.mean"), *std = case_array(c, "gmm.std");
	const struct case_array *weight = case_array(c, "gmm.weight");
	return mean && std && weight && std->n == weight->n && std->n <= MAX_COMPONENT &&
	       mean->n == std->n * case_elements(c);
}

/* ln of the weight of component k given x, up to a constant. */
static double log_weight(const struct test_case *c, size_t k, double alpha, double variance, const double *x, size_t n)
{
	const double *mean = case_array(c, "gmm.mean")->value + k * n;
	double distance = 0;
	for (size_t i = 0; i < n; i++)
		distance += (x[i] - alpha * mean[i]) * (x[i] - alpha * mean[i]);
	return log(case_array(c, "gmm.weight")->value[k]) - 0.5 * (double)n * log(variance) - distance / (2 * variance);
}

/* E[x0 | x] of one sample. */
static void expected_x0(const struct test_case *c, double alpha, double sigma, const double *x, size_t n, double *x0)
{
	const struct case_array *std = case_array(c, "gmm.std"), *mean = case_array(c, "gmm.mean");
	double p[MAX_COMPONENT], largest = -INFINITY, sum = 0;
	for (size_t k = 0; k < std->n; k++) {
		double variance = alpha * alpha * std->value[k] * std->value[k] + sigma * sigma;
		p[k] = log_weight(c, k, alpha, variance, x, n);
		largest = fmax(largest, p[k]);
	}
	for (size_t k = 0; k < std->n; k++)
		sum += p[k] = exp(p[k] - largest);
	memset(x0, 0, n * sizeof *x0);
	for (size_t k = 0; k < std->n; k++) {
		double s2 = std->value[k] * std->value[k], variance = alpha * alpha * s2 + sigma * sigma;
		for (size_t i = 0; i < n; i++) {
			double m = mean->value[k * n + i];
			x0[i] += p[k] / sum * (m + alpha * s2 / variance * (x[i] - alpha * m));
		}
	}
}

/* alpha, sigma, sigma_data, x, x0 to the network's output (section 3.2). */
static double to_sample(double a, double s, double sd, double x, double x0)
{
	(void)a, (void)s, (void)sd, (void)x;
	return x0;
}

static double to_epsilon(double a, double s, double sd, double x, double x0)
{
	(void)sd;
	return (x - a * x0) / s;
}

static double to_minus_epsilon(double a, double s, double sd, double x, double x0)
{
	return -to_epsilon(a, s, sd, x, x0);
}

static double to_score(double a, double s, double sd, double x, double x0)
{
	return -to_epsilon(a, s, sd, x, x0) / s;
}

static double to_v(double a, double s, double sd, double x, double x0)
{
	return (a * to_epsilon(a, s, sd, x, x0) - s * x0) / sqrt(a * a + s * s);
}

static double to_flow(double a, double s, double sd, double x, double x0)
{
	return to_epsilon(a, s, sd, x, x0) - x0;
}

static double to_flow_reversed(double a, double s, double sd, double x, double x0)
{
	return -to_flow(a, s, sd, x, x0);
}

static double to_edm(double a, double s, double sd, double x, double x0)
{
	double level = s / a, q = level * level + sd * sd;
	return (x0 - sd * sd / q * x / a) / (level * sd / sqrt(q));
}

static double to_edm_negated(double a, double s, double sd, double x, double x0)
{
	return -to_edm(a, s, sd, x, x0);
}

int mixture_predict(const struct test_case *c, double alpha, double sigma, const double *x, size_t n_sample,
                    double *out, struct verdict *verdict)
{
	static const struct {
		const char *name;
		double (*encode)(double a, double s, double sd, double x, double x0);
	} kinds[] = {
	    {"sample", to_sample},
	    {"epsilon", to_epsilon},
	    {"minus_epsilon", to_minus_epsilon},
	    {"score", to_score},
	    {"v", to_v},
	    {"flow", to_flow},
	    {"flow_reversed", to_flow_reversed},
	    {"edm_F", to_edm},
	    {"edm_F_negated", to_edm_negated},
	};
	size_t k = 0, n = case_elements(c);
	double sd = case_number(c, "schedule.sigma_data", 0.5);
	while (k < sizeof kinds / sizeof *kinds && !case_is(c, "prediction", kinds[k].name))
		k++;
	if (k == sizeof kinds / sizeof *kinds)
		return say(verdict, VERDICT_SKIP, "mixture model with prediction %s", case_text(c, "prediction"));
	for (size_t row = 0; row < n_sample; row++) {
		double *to = out + row * n;
		expected_x0(c, alpha, sigma, x + row * n, n, to);
		for (size_t i = 0; i < n; i++)
			to[i] = kinds[k].encode(alpha, sigma, sd, x[row * n + i], to[i]);
	}
	return VERDICT_PASS;
}
