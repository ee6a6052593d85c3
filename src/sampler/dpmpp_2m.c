/* DPM-Solver++(2M) (Lu 2022b, algorithm 2), with h = lambda' - lambda, h_old the step before:
 *
 *     x' = (sigma'/sigma) x - alpha' (e^(-h) - 1) D,   D = x0 + (h / (2 h_old)) (x0 - x0_old)
 *
 * The first step and the step to sigma' = 0 take D = x0. State: one earlier prediction of x0. */
#include "base/compiler.h"
#include "sampler/dpm.h"
#include "sampler/nominal.h"
#include "base/math.h"

enum { ANALYTIC_FIRST };

static const dm_option options[] = {
    DMI_ANALYTIC_FIRST,
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *from = s->from, *to = s->to;
	double h = dmi_lambda_step(from, to), c = 0;
	(void)user;
	int analytic = s->option[ANALYTIC_FIRST] != 0;
	struct dmi_seen seen = dmi_see(e, s, analytic);
	dm_val x0 = dmi_view(e, &seen, DM_SPACE_X0), old = 0;
	if (to->sigma > 0 && dmi_history(s, 1)) {
		old = s->past[0].prediction;
		dmi_departs_at(e, analytic, &s->past[0].at);
		c = h / (2 * dmi_lambda_step(&s->past[0].at, from));
	}
	double a = to->sigma > 0 ? to->sigma / from->sigma : 0, b = to->sigma > 0 ? -to->alpha * dmi_expm1(-h) : to->alpha;
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){{a, s->x}, {b * (1 + c), x0}, {-b * c, old}}));
	dm_emit_push(e, from, x0, 2);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_started_order(2, DMI_START_EULER, given->value[ANALYTIC_FIRST]);
}

const struct dmi_sampler_type dmi_sampler_dpmpp_2m = {
    .method = DMI_METHOD_KNOWN("dpmpp_2m", "DPM-Solver++ of order 2, multistep", "Lu 2022b, algorithm 2", options,
                               "diffusers: DPMSolverMultistepScheduler (its defaults); k-diffusion: sample_dpmpp_2m; "
                               "ComfyUI: dpmpp_2m; stable-diffusion.cpp: dpm++2m"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step},
    .order = order,
};
