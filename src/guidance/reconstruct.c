/* Reconstruction from any measurement, linear or not: the caller gives the gradient g of a log-probability (or of minus
 * a distance) at an estimate of the clean sample (DM_ASK_GRADIENT with sigma = 0; target says which), and as in Chung
 * 2023, algorithm 1, after every step the state at its end is moved,
 *
 *     x' = x + scale J^T g / |g|        (norm=unit; norm=none: not divided)
 *
 * with x0 and its Jacobian J = d x0 / d x from the first evaluation of the step, per sample. For y = A(x0) + noise with a
 * nonlinear A, g is the gradient of -|y - A(x0)|: with norm=none this is dps. jacobian=none leaves J out.
 *
 * Bias: that of dps. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { TARGET = DMI_SCALE_END, NORM, JACOBIAN };
enum { UNIT, AS_IT_IS };
enum { EXACT, NONE };

static const char *const norms[] = {"unit", "none", NULL}, *const jacobians[] = {"exact", "none", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS_WITHIN("factor on the gradient", 1, -1e6, 1e6),
    DMI_INTEGER("target", "number of the log-probability, handed on in the request", 0, 0, 1e6),
    DMI_CHOICE("norm", "unit: the gradient is divided by its norm, per sample; none: it is taken as it is", UNIT,
               norms),
    DMI_CHOICE("jacobian", "exact: of the denoiser, by its vjp; none: the identity", EXACT, jacobians),
};

/* The weight that gives a value the norm 1. */
static dm_status rule(void *user, int32_t which, const double parameter[4], size_t n_sample, const dm_stats *stats,
                      double *weight)
{
	(void)user, (void)which, (void)parameter;
	for (size_t s = 0; s < n_sample; s++)
		weight[s] = stats[s].gram[0] > 0 ? 1 / sqrt(stats[s].gram[0]) : 0;
	return DM_OK;
}

static dm_status state(void *user, const dm_guide *guide, dm_emit *e, dm_val *x)
{
	static const double none[4];
	const dm_node clean = {.alpha = 1, .lambda = (double)INFINITY, .visit = -1};
	const double *option = user;
	double scale = dmi_scale_at(option, guide->from, 0);
	if (scale == 0)
		return DM_OK;
	if (!guide->evaluation) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "guidance \"reconstruct\": the sampler has a step without an evaluation");
		return DM_OK;
	}
	dm_val g = dm_emit_gradient(e, guide->evaluation, &clean, (int32_t)option[TARGET]);
	if (option[NORM] == UNIT)
		g = dm_emit_weighted(e, 1, &g, 0, none);
	if (option[JACOBIAN] == EXACT)
		g = dm_emit_vjp(e, guide->evaluation, g);
	*x = dm_emit_linear(e, 2, (dm_term[]){{1, *x}, {scale, g}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_reconstruct = {
    .method = DMI_METHOD("reconstruct", "up a gradient that the caller takes at the estimate of the clean sample",
                         "Chung 2023, algorithm 1", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .state = state, .rule = rule},
    .check = dmi_guidance_check_scale,
};
