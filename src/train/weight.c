/* An error of x0 is that of epsilon by the factor -sigma / alpha, and so on: squared errors of the kinds of prediction
 * differ by factors of the level, so a weight on one of them is a weight on each. */
#include "base/compiler.h"
#include "train/weight.h"
#include "base/error.h"
#include "base/math.h"
#include "demist/train.h"
#include <math.h>

enum { LOSS, SIGMA_DATA, GAMMA, K };
enum { ON_X0, ON_EPSILON, ON_V, ON_FLOW, ON_EDM };

static const char *const loss_words[] = {"x0", "epsilon", "v", "flow", "edm", NULL};
static const double two_over_pi = 0.6366197723675814;

#define LOSS_OPTIONS(loss)                                                                                             \
	DMI_CHOICE("loss", "the prediction whose squared error is weighted", loss, loss_words),                            \
	    DMI_REAL("sigma_data", "standard deviation of the data", 0.5, 1e-9, 1e9)

static const dm_option on_x0[] = {LOSS_OPTIONS(ON_X0)};
static const dm_option on_flow[] = {LOSS_OPTIONS(ON_FLOW)};
static const dm_option on_edm[] = {LOSS_OPTIONS(ON_EDM)};
static const dm_option min_snr_options[] = {
    LOSS_OPTIONS(ON_X0),
    DMI_REAL("gamma", "largest weight", 5, 1e-9, 1e9),
};
static const dm_option p2_options[] = {
    LOSS_OPTIONS(ON_EPSILON),
    DMI_REAL("gamma", "exponent", 1, 0, 100),
    DMI_REAL("k", "what keeps the weight finite at high noise", 1, 1e-9, 1e9),
};

/* ------------------------------------------------------------------------------------------------------ weights */

/* sigma^2 + sigma_data^2 alpha^2 */
static double variance(const struct dmi_loss_level *at, const double *option)
{
	return at->noise + option[SIGMA_DATA] * option[SIGMA_DATA] * at->data;
}

static double snr(const struct dmi_loss_level *at, const double *option)
{
	(void)option;
	return at->data;
}

static double min_snr(const struct dmi_loss_level *at, const double *option)
{
	return fmin(at->data, option[GAMMA] * at->noise);
}

static double soft_min_snr(const struct dmi_loss_level *at, const double *option)
{
	return at->data * at->noise / variance(at, option);
}

static double p2(const struct dmi_loss_level *at, const double *option)
{
	return at->data * dmi_pow(option[K] + at->data / at->noise, -option[GAMMA]);
}

static double edm(const struct dmi_loss_level *at, const double *option)
{
	return variance(at, option) / (option[SIGMA_DATA] * option[SIGMA_DATA]);
}

static double sigma_sqrt(const struct dmi_loss_level *at, const double *option)
{
	(void)option;
	return at->sum;
}

static double cosmap(const struct dmi_loss_level *at, const double *option)
{
	(void)option;
	return two_over_pi * at->sum * at->sum;
}

static const struct dmi_weight weights[] = {
    {DMI_METHOD("snr", "the signal-to-noise ratio: the plain loss of epsilon", "Ho 2020, eq. 14", on_x0), snr},
    {DMI_METHOD("min_snr", "the signal-to-noise ratio up to gamma", "Hang 2023", min_snr_options), min_snr},
    {DMI_METHOD("soft_min_snr", "a smooth bound on the signal-to-noise ratio", "Crowson 2024", on_edm), soft_min_snr},
    {DMI_METHOD("p2", "less weight on low noise", "Choi 2022, eq. 8", p2_options), p2},
    {DMI_METHOD("edm", "equal losses of the preconditioned network", "Karras 2022, table 1", on_x0), edm},
    {DMI_METHOD("sigma_sqrt", "1 / s^2 of rectified flow", "Esser 2024; diffusers", on_x0), sigma_sqrt},
    {DMI_METHOD("cosmap", "the cosine schedule's density over the time of rectified flow", "Esser 2024, eq. 21",
                on_flow),
     cosmap},
};

const struct dmi_method *const *dmi_weight_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {
	    &weights[0].method, &weights[1].method, &weights[2].method, &weights[3].method,
	    &weights[4].method, &weights[5].method, &weights[6].method,
	};
	_Static_assert(sizeof registry / sizeof *registry == sizeof weights / sizeof *weights, "every weight has its line");
	*n = (int32_t)(sizeof registry / sizeof *registry);
	return registry;
}

/* ------------------------------------------------------------------------------------------------------- errors */

/* The squared error of v over that of the loss. */
static double v_over(const struct dmi_loss_level *at, const double *option)
{
	double sd = option[SIGMA_DATA];
	const double ratio[] = {
	    [ON_X0] = 1 / at->noise,
	    [ON_EPSILON] = 1 / at->data,
	    [ON_V] = 1,
	    [ON_FLOW] = 1 / at->sum,
	    [ON_EDM] = sd * sd / variance(at, option),
	};
	return ratio[(size_t)option[LOSS]];
}

static dm_status check_levels(size_t n, const double *alpha, const double *sigma, const double *weight, dm_error *err)
{
	if (n && (!alpha || !sigma || !weight))
		return dmi_fail(err, DM_ERR_ARGUMENT, "loss weight: %s is NULL, it must hold %z numbers",
		                !alpha   ? "alpha"
		                : !sigma ? "sigma"
		                         : "weight",
		                n);
	for (size_t i = 0; i < n; i++) {
		int alpha_is_good = alpha[i] >= 0 && dmi_is_finite(alpha[i]);
		if (!alpha_is_good || !(sigma[i] >= 0 && dmi_is_finite(sigma[i])))
			return dmi_fail(err, DM_ERR_ARGUMENT, "loss weight: %s[%z] = %g must be 0 or more and finite",
			                alpha_is_good ? "sigma" : "alpha", i, alpha_is_good ? sigma[i] : alpha[i]);
		if (alpha[i] == 0 && sigma[i] == 0)
			return dmi_fail(err, DM_ERR_ARGUMENT, "loss weight: alpha[%z] and sigma[%z] are both 0", i, i);
	}
	return DM_OK;
}

static struct dmi_loss_level level(double alpha, double sigma)
{
	double scale = fmax(alpha, sigma), a = alpha / scale, s = sigma / scale, q = a * a + s * s;
	return (struct dmi_loss_level){a * a / q, s * s / q, (a + s) * (a + s) / q};
}

dm_status dm_loss_weight(const char *spec, size_t n, const double *alpha, const double *sigma, double *weight,
                         dm_error *err)
{
	int32_t n_registry;
	const char *text;
	struct dmi_options options;
	const struct dmi_method *const *registry = dmi_weight_registry(&n_registry);
	dm_error own;
	if (!err)
		err = &own;
	const struct dmi_method *method = dmi_method_find(registry, n_registry, "loss weight", spec, &text, err);
	if (!method)
		return err->status;
	const struct dmi_weight *kind = (const struct dmi_weight *)method;
	dm_status st = dmi_options_parse(&options, "loss weight", method->info.name, method->option, method->info.n_option,
	                                 text, NULL, err);
	if (st == DM_OK)
		st = check_levels(n, alpha, sigma, weight, err);
	for (size_t i = 0; st == DM_OK && i < n; i++) {
		struct dmi_loss_level at = level(alpha[i], sigma[i]);
		double value = kind->on_v(&at, options.value) * v_over(&at, options.value);
		if (!dmi_is_finite(value))
			return dmi_fail(err, DM_ERR_UNSUPPORTED,
			                "loss weight \"%s\": on %s it is %g at alpha[%z] = %g, sigma[%z] = %g", method->info.name,
			                loss_words[(size_t)options.value[LOSS]], value, i, alpha[i], i, sigma[i]);
		weight[i] = value;
	}
	return st;
}
