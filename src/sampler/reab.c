/* Rosenbrock-type exponential Adams-Bashforth (REAB of azula, repaired; akin to DPM-Solver-v3, Zheng 2023). The linear
 * part is that of a model that knows data of unit variance, which leaves v = (alpha epsilon - sigma x0) / n,
 * n = sqrt(alpha^2 + sigma^2), over the angle phi = atan(sigma/alpha); the polynomial runs over lambda:
 *
 *     x'/n' = x/n + sum_j v_j * integral of L_j dphi over the step,     dphi = -dlambda / (e^lambda + e^-lambda)
 *
 * (azula has n of the wrong node, which makes it of order 1.) A constant denoiser has a v that rotates, so it is not
 * carried exactly. The step to sigma' = 0 and the one from alpha = 0 are the line. State: order - 1 earlier v. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/nominal.h"
#include "base/math.h"
#include <math.h>

enum { ORDER, START, ANALYTIC_FIRST, MAX_ORDER = 4 };

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the method", 2, 1, MAX_ORDER),
    DMI_START,
    DMI_ANALYTIC_FIRST,
};

static double norm_of(const dm_node *at)
{
	return sqrt(at->alpha * at->alpha + at->sigma * at->sigma);
}

static double lambda_of(const dm_node *at)
{
	return at->lambda;
}

static void over_angle(const void *context, double x, double *theta, double *kernel)
{
	const dm_step *s = context;
	double h = dmi_lambda_step(s->from, s->to), lambda = s->from->lambda + x * h;
	*theta = x;
	*kernel = -h / (dmi_exp(lambda) + dmi_exp(-lambda));
}

static void weights(const dm_step *s, int n, const double *theta, double *weight)
{
	dmi_adams_over(n, theta, over_angle, s, weight);
	for (int j = 0; j < n; j++)
		weight[j] *= norm_of(s->to);
}

static const struct dmi_form form = {DM_SPACE_V, norm_of, lambda_of, weights, 1};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int finite = dmi_is_finite(s->from->lambda) && dmi_is_finite(s->to->lambda);
	(void)user;
	if (finite)
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dmi_emit_adams(e, s, &form, finite ? (int)s->option[ORDER] : 1, s->option[START], s->option[ANALYTIC_FIRST] != 0);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_started_order(given->value[ORDER], given->value[START], given->value[ANALYTIC_FIRST]);
}

const struct dmi_sampler_type dmi_sampler_reab = {
    DMI_METHOD("reab", "Rosenbrock exponential Adams-Bashforth in v, orders 1 to 4", "azula; Zheng 2023", options),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = MAX_ORDER - 1, .step = step},
    .order = order,
};
