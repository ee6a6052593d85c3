/* Linear multistep (k-diffusion; the rho-AB of Zhang 2023): Adams-Bashforth with variable steps and exact integrals, of
 * order k over the newest k levels, in the coordinates of adams.h:
 *
 *     ve      x'/alpha' = x/alpha + sum_j epsilon_j * integral of L_j(u) du from u to u',     u = sigma/alpha
 *     flow    the same over s = sigma/(alpha + sigma) with the velocity epsilon - x0
 *
 * The step to sigma' = 0 keeps the order, as elsewhere, unless final_line = 1. From alpha = 0 over u: the line
 * x' = alpha' x0 + sigma' epsilon. State: order - 1 earlier slopes. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/nominal.h"

enum { ORDER, COORDINATES, FINAL_LINE, START, ANALYTIC_FIRST, MAX_ORDER = 4 };

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the method", 4, 1, MAX_ORDER),
    DMI_COORDINATES,
    DMI_INTEGER("final_line", "1: the step to sigma = 0 returns the prediction", 0, 0, 1),
    DMI_START,
    DMI_ANALYTIC_FIRST,
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int order = s->option[FINAL_LINE] != 0 && s->to->sigma == 0 ? 1 : (int)s->option[ORDER];
	(void)user;
	dmi_emit_adams(e, s, dmi_coordinates(s, s->option[COORDINATES]), order, s->option[START],
	               s->option[ANALYTIC_FIRST] != 0);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_started_order(given->value[ORDER], given->value[START], given->value[ANALYTIC_FIRST]);
}

const struct dmi_sampler_type dmi_sampler_lms = {
    DMI_METHOD_KNOWN(
        "lms", "linear multistep over the noise level, orders 1 to 4", "k-diffusion; Zhang 2023", options,
        "diffusers: LMSDiscreteScheduler; k-diffusion: sample_lms; ComfyUI: lms; stable-diffusion.cpp: lms"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = MAX_ORDER - 1, .step = step},
    .order = order,
};
