/* Guidance by the gradient g = grad log p(y | x_t) of a classifier (or any other log-probability), per sample:
 *
 *     form=score   epsilon' = epsilon - scale sigma g, that is x0' = x0 + scale sigma^2 / alpha g
 *                  (Dhariwal 2021, algorithm 2; Song 2021, eq. 14)
 *     form=mean    after the step x' = x + scale s^2 g, s^2 the variance of the noise that the step itself adds, so that
 *                  the mean of an ancestral step is moved by scale s^2 g (Dhariwal 2021, algorithm 1)
 *
 * g is taken at the value that is evaluated (DM_ASK_GRADIENT, the request's target says which), of form=mean at the first
 * one of the step. At alpha = 0 the state says nothing of the sample, so that g is 0 and not asked for. A step without
 * noise has no mean to move: the last one of a grid may be so, over others form=mean is refused, and where the draws also
 * go through the network. */
#include "base/compiler.h"
#include "base/math.h"
#include "guidance/common.h"

enum { TARGET = DMI_SCALE_END, FORM };
enum { SCORE, MEAN };

static const char *const forms[] = {"score", "mean", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS_WITHIN("strength; 1: Bayes' rule, 0: none", 1, -1e6, 1e6),
    DMI_INTEGER("target", "number of the log-probability, handed on in the request", 0, 0, 1e6),
    DMI_CHOICE("form", "what is moved: the score, or the mean of an ancestral step", SCORE, forms),
};

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	const dm_node *at = guide->at;
	double scale = dmi_scale_at(option, at, 0);
	if (scale == 0 || at->sigma == 0 || at->alpha == 0)
		return DM_OK;
	dm_val g = dm_emit_gradient(e, guide->x, at, (int32_t)option[TARGET]);
	double shift = scale * at->sigma * at->sigma / at->alpha;
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, *x0}, {shift, g}});
	return DM_OK;
}

static dm_status state(void *user, const dm_guide *guide, dm_emit *e, dm_val *x)
{
	const double *option = user;
	double scale = dmi_scale_at(option, guide->from, 0);
	int last = !(guide->to->lambda < guide->end->lambda);
	if (scale == 0 || guide->from->alpha == 0 || (last && guide->variance == 0))
		return DM_OK;
	if (dmi_is_nan(guide->variance))
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "guidance \"classifier\": form=mean needs a step whose noise is added at its end; this sampler's "
		             "goes through the network or has a learned variance; take form=score");
	else if (!(guide->variance > 0))
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "guidance \"classifier\": form=mean moves the mean of a noisy step, and this sampler has a step "
		             "without noise; take form=score");
	else if (!guide->evaluation)
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "guidance \"classifier\": the sampler has a step without an evaluation");
	else
		*x = dm_emit_linear(e, 2,
		                    (dm_term[]){{1, *x},
		                                {scale * guide->variance,
		                                 dm_emit_gradient(e, guide->evaluation, NULL, (int32_t)option[TARGET])}});
	return DM_OK;
}

static dm_status check(const struct dmi_guidance_type *type, const struct dmi_options *o, dm_guidance_ops *ops,
                       dm_error *err)
{
	if (o->value[FORM] == MEAN)
		ops->after = NULL;
	else
		ops->state = NULL;
	return dmi_guidance_check_scale(type, o, ops, err);
}

const struct dmi_guidance_type dmi_guidance_classifier = {
    .method =
        DMI_METHOD("classifier", "along the gradient of a log-probability", "Dhariwal 2021, algorithms 1, 2", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .after = after, .state = state},
    .check = check,
};
