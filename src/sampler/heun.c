/* Heun's method (Karras 2022, algorithm 2): a step along the line of the first prediction, a second evaluation there,
 * and the mean of the two slopes. With (x0, epsilon) at the start and (x0', epsilon') at the end of that line:
 *
 *     ve      over u = sigma/alpha:       x' = (alpha'/alpha) x + alpha' (u' - u) (epsilon + epsilon') / 2
 *     native  over (alpha, sigma):        x' = x + (alpha' - alpha) (x0 + x0') / 2
 *                                              + (sigma' - sigma) (epsilon + epsilon') / 2
 *
 * auto takes native where alpha + sigma = 1 (rectified flow: the mean of two velocities), ve elsewhere. The step to
 * sigma' = 0, and one from alpha = 0 over u, is the line alone. Churn as in euler. State: none. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/step.h"
#include <math.h>

enum { COORDINATES = DMI_AFTER_CHURN };
enum { AUTO, VE, NATIVE };

static const char *const coordinates[] = {"auto", "ve", "native", NULL};

static const dm_option options[] = {
    DMI_CHURN_OPTIONS,
    DMI_CHOICE("coordinates", "auto; ve: x/alpha over sigma/alpha; native: x over (alpha, sigma)", AUTO, coordinates),
};

static int is_flow(const dm_node *at)
{
	return fabs(at->alpha + at->sigma - 1) < 1e-9;
}

static dm_val corrected(dm_emit *e, dm_val x, const dm_node *at, dm_val first, dm_val second, const dm_node *to,
                        int native)
{
	dm_val epsilon = dm_emit_part(e, first, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	dm_val epsilon2 = dm_emit_part(e, second, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	double a = (to->alpha - at->alpha) / 2, b = (to->sigma - at->sigma) / 2;
	if (native)
		return dm_emit_linear(e, 5, (dm_term[]){{1, x}, {a, first}, {a, second}, {b, epsilon}, {b, epsilon2}});
	double c = to->alpha * (dmi_level(to) - dmi_level(at)) / 2;
	return dm_emit_linear(e, 3, (dm_term[]){{to->alpha / at->alpha, x}, {c, epsilon}, {c, epsilon2}});
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node at;
	(void)user;
	dm_val x = dmi_emit_churn(e, s, &at);
	dm_val first = dm_emit_eval(e, x, &at, DM_SPACE_X0), line = dmi_emit_line(e, x, &at, first, s->to);
	double choice = s->option[COORDINATES];
	int native = choice == NATIVE || (choice == AUTO && is_flow(&at) && is_flow(s->to));
	int line_only = s->to->sigma == 0 || (!native && (at.alpha == 0 || s->to->alpha == 0));
	if (!line_only) {
		dm_val second = dm_emit_eval(e, line, s->to, DM_SPACE_X0);
		line = corrected(e, x, &at, first, second, s->to, native);
	}
	dm_emit_state(e, line);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_churned_order(given->value, 2);
}

const struct dmi_sampler_type dmi_sampler_heun = {
    .method = DMI_METHOD_KNOWN("heun", "Heun's second order method, with churn", "Karras 2022, algorithm 2", options,
                               "diffusers: HeunDiscreteScheduler, FlowMatchHeunDiscreteScheduler; k-diffusion: "
                               "sample_heun; ComfyUI: heun; stable-diffusion.cpp: heun"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
    .check = dmi_check_churn,
};
