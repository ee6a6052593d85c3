/* Guidance by the gradient g = grad log p(y | x_t) of a classifier (or any other log-probability), per sample:
 *
 *     form=score   epsilon' = epsilon - scale sigma g, that is x0' = x0 + scale sigma^2 / alpha g
 *                  (Dhariwal 2021, algorithm 2; Song 2021, eq. 14)
 *     form=mean    the mean of the ancestral step is moved by scale v g, v the variance of the posterior, that is
 *                  x0' = x0 + scale sigma'^2 / alpha' g   (Dhariwal 2021, algorithm 1)
 *
 * g is taken at the value that is evaluated (DM_ASK_GRADIENT, the request's target says which). */
#include "base/compiler.h"
#include "guidance/guidance.h"

enum { SCALE, TARGET, FORM };
enum { SCORE, MEAN };

static const char *const forms[] = {"score", "mean", NULL};

static const dm_option options[] = {
    DMI_REAL("scale", "strength; 1: Bayes' rule", 1, -1e6, 1e6),
    DMI_INTEGER("target", "number of the log-probability, handed on in the request", 0, 0, 1e6),
    DMI_CHOICE("form", "what is moved: the score, or the mean of an ancestral step", SCORE, forms),
};

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	const dm_node *level = option[FORM] == MEAN ? guide->to : guide->at;
	if (option[SCALE] == 0 || level->sigma == 0)
		return DM_OK;
	dm_val g = dm_emit_gradient(e, guide->x, guide->at, (int32_t)option[TARGET]);
	double shift = option[SCALE] * level->sigma * level->sigma / level->alpha;
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, *x0}, {shift, g}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_classifier = {
    .method =
        DMI_METHOD("classifier", "along the gradient of a log-probability", "Dhariwal 2021, algorithms 1, 2", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .after = after},
};
