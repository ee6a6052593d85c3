/* Pseudoinverse-guided diffusion, for y = A x0 + noise n (Song 2023, eq. 7-8): x0 given the state is taken as normal
 * around the denoiser's estimate with covariance r^2 I, so y is normal and
 *
 *     grad log p(y | x) = J^T A^T (r^2 A A^T + noise^2)^-1 (y - A x0)        J = d x0 / d x
 *     x0' = x0 + scale sigma^2 / alpha grad log p(y | x)
 *     r^2 = sigma^2 data^2 / (sigma^2 + alpha^2 data^2)
 *
 * jacobian=none puts alpha r^2 / sigma^2 in the place of J, what it is for independent normal elements of standard
 * deviation data. At alpha = 0 the state says nothing, J is 0, and this form is taken whatever the option.
 *
 * Bias: none where the prior is normal with covariance data^2 I. Otherwise r^2 I stands for sigma^2 / alpha J: where data
 * is larger than a direction's own deviation, the measurement counts too little there, and the other way round. */
#include "base/compiler.h"
#include "guidance/common.h"
#include "guidance/inverse.h"

enum { NOISE = DMI_SCALE_END, DATA, JACOBIAN };
enum { EXACT, NONE };

static const char *const jacobians[] = {"exact", "none", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS_WITHIN("strength; 1: Bayes' rule, 0: none", 1, 0, 1e6),
    DMI_REAL("noise", "standard deviation of the measurement's noise", 0, 0, 1e6),
    DMI_REAL("data", "standard deviation of an element of the data", 1, 1e-6, 1e6),
    DMI_CHOICE("jacobian", "exact: of the denoiser, by its vjp; none: that of independent normal elements", EXACT,
               jacobians),
};

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	const dm_node *at = guide->at;
	double scale = dmi_scale_at(option, at, 0);
	if (at->sigma == 0 || scale == 0)
		return DM_OK;
	double variance = dmi_inverse_variance(at, option[DATA]), factor = variance;
	const double parameter[4] = {sqrt(variance), option[NOISE]};
	dm_val correction = dm_emit_operator(e, DM_OPERATOR_POSTERIOR, *x0, parameter);
	if (option[JACOBIAN] == EXACT && at->alpha > 0) {
		correction = dm_emit_vjp(e, guide->evaluation, correction);
		factor = at->sigma * at->sigma / at->alpha;
	}
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, *x0}, {scale * factor, correction}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_pgdm = {
    .method = DMI_METHOD("pgdm", "inverse problem: gradient of the likelihood with one variance for x0 given the state",
                         "Song 2023, eq. 7-8", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .after = after},
    .needs_operator = 1,
    .check = dmi_guidance_check_scale,
};
