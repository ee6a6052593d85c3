/* DPM-Solver-fast (Lu 2022a, appendix D; k-diffusion sample_dpm_fast): single-step DPM-Solver (single.h, epsilon) of
 * orders 3, .., 3 and a rest that makes nfe evaluations in all; with eta > 0 each step goes to a level below its end
 * (not below the last one of the grid) and noise is added (ancestral.h). Meant for a grid even in lambda of nfe / 3 + 1
 * steps. nfe = 0 takes 3 (steps - 1). The step to sigma = 0 returns x0. State: none. */
#include "base/compiler.h"
#include "sampler/ancestral.h"
#include "sampler/nominal.h"
#include "sampler/orders.h"
#include "sampler/single.h"
#include <math.h>

enum { NFE, ETA, S_NOISE };

static const dm_option options[] = {
    DMI_INTEGER("nfe", "evaluations in all; 0: 3 (steps - 1)", 0, 0, 50331645),
    DMI_REAL("eta", "share of fresh noise", 0, 0, 1),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
};

static int64_t evaluations(const dm_step *s)
{
	if (s->option[NFE] > 0)
		return (int64_t)s->option[NFE];
	return s->n_step > 1 ? 3 * (s->n_step - 1) : 2;
}

/* The deterministic part does not pass the last level of the grid. */
static void stop_at_end(const dm_step *s, struct dmi_ancestral *a)
{
	const dm_node *end = s->grid + s->n_step;
	double u = dmi_level(end);
	if (a->down.lambda <= end->lambda)
		return;
	if (s->to->lambda == end->lambda) { /* exactly, so that no noise of the size of rounding is drawn */
		a->down = *s->to;
		a->up = 0;
		return;
	}
	a->down.lambda = end->lambda;
	a->down.sigma = s->to->alpha * u;
	a->up = sqrt(fmax((s->to->sigma - a->down.sigma) * (s->to->sigma + a->down.sigma), 0));
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	struct dmi_ancestral a;
	int order = dmi_block_order(e, s, 3, evaluations(s));
	(void)user;
	if (!dmi_dpm_possible(e, s, DMI_DPM_EPSILON, 0) || !dmi_ancestral_target(e, s, s->option[ETA], DMI_SPLIT_VE, &a))
		return DM_OK;
	stop_at_end(s, &a);
	struct dmi_single single = {.s = s, .from = s->from, .to = &a.down, .x = s->x, .predict = DMI_DPM_EPSILON};
	single.midpoint = 1;
	single.r[0] = order == 2 ? 1.0 / 2 : 1.0 / 3;
	single.r[1] = 2.0 / 3;
	single.m = dm_emit_eval(e, s->x, s->from, DM_SPACE_EPSILON);
	single.x0 = dm_emit_part(e, single.m, DM_PART_PREDICTION, DM_SPACE_X0);
	dm_val x = a.down.sigma == 0 ? dmi_emit_data(e, single.m, s->to)
	                             : dmi_single_result(e, &single, dmi_single_stages(e, &single, order));
	dm_emit_state(e, dmi_emit_fresh(e, s, x, a.up, s->option[S_NOISE], 0));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 2, 1);
}

const struct dmi_sampler_type dmi_sampler_dpm_fast = {
    .method = DMI_METHOD_KNOWN("dpm_fast", "DPM-Solver of order 3 with a rest that fits the number of evaluations",
                               "Lu 2022a, appendix D; k-diffusion", options,
                               "k-diffusion: sample_dpm_fast; ComfyUI: dpm_fast"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
