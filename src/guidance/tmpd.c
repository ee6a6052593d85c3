/* Tweedie moment projection, for y = A x0 + noise n (Boys 2023): x0 given the state is taken as normal around the
 * denoiser's estimate with its true covariance V = sigma^2 / alpha J (Tweedie), J = d x0 / d x, and of the covariance of
 * A x0 only the sums of the rows are taken, as if they stood on the diagonal:
 *
 *     x0' = x0 + scale V A^T ((y - A x0) / (A V A^T 1 + noise^2)),   divided element by element
 *
 * At alpha = 0 the state says nothing, J is 0, and V = data^2 I.
 *
 * Bias: none where the prior is normal and the numbers of A x0 are independent given the state; where they are not, the
 * sum over a row is too large (they agree) or too small (they oppose each other; below 0 it counts as 0). */
#include "base/compiler.h"
#include "guidance/common.h"

enum { NOISE = DMI_SCALE_END, DATA };

static const dm_option options[] = {
    DMI_SCALE_OPTIONS_WITHIN("strength; 1: Bayes' rule, 0: none", 1, 0, 1e6),
    DMI_REAL("noise", "standard deviation of the measurement's noise", 0, 0, 1e6),
    DMI_REAL("data", "standard deviation of an element of the data; for alpha = 0", 1, 1e-6, 1e6),
};

/* V v over the factor that both have in common. */
static dm_val spread(dm_emit *e, const dm_guide *guide, dm_val v)
{
	return guide->at->alpha > 0 ? dm_emit_vjp(e, guide->evaluation, v) : v;
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	const dm_node *at = guide->at;
	double scale = dmi_scale_at(option, at, 0);
	if (at->sigma == 0 || scale == 0)
		return DM_OK;
	double factor = at->alpha > 0 ? at->sigma * at->sigma / at->alpha : option[DATA] * option[DATA];
	const double parameter[4] = {sqrt(factor), option[NOISE]};
	dm_val rows = spread(e, guide, dm_emit_operator(e, DM_OPERATOR_ONES, *x0, NULL));
	dm_val rest = dm_emit_operator_by(e, DM_OPERATOR_DIVIDED, *x0, rows, parameter);
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, *x0}, {scale * factor, spread(e, guide, rest)}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_tmpd = {
    .method = DMI_METHOD("tmpd", "inverse problem: the denoiser's own covariance, its rows summed",
                         "Boys 2023, arXiv:2310.06721", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .after = after},
    .needs_operator = 1,
    .check = dmi_guidance_check_scale,
};
