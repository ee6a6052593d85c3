/* DPM-Solver and DPM-Solver++, multistep, orders 1 to 3, as ODE or SDE (Lu 2022a; Lu 2022b, algorithm 2; the sde forms
 * of diffusers). The step of dpm.h: dpmsolver++ with x0 and eta = 0, dpmsolver with epsilon and eta = 0, the sde- forms
 * with eta = 1; m1 and m2 from divided differences over the newest predictions.
 *
 * The order falls to 1 at the last step where euler_at_final = 1, to 1 and (last but one) 2 on grids of fewer than
 * lower_order_below steps where lower_order_final = 1, and is 1 at the step to sigma = 0, which returns x0. The
 * published third order halves m2 and is of order 2; true_order = 1 repairs it. start = rk makes the first steps
 * by single.h, so that order 3 starts with its order. denoise_to_zero = 1: one more evaluation at the last node, whose
 * x0 is the result. Goes up too (inversion). sde-dpmsolver does not keep the variance: sigma'^2 (1 + 2 (e^h - 1)^2)
 * in place of sigma'^2. State: two earlier predictions. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/single.h"
#include "base/math.h"
#include <math.h>

enum {
	ALGORITHM,
	ORDER,
	SOLVER_TYPE,
	LOWER_ORDER_FINAL,
	LOWER_ORDER_BELOW,
	EULER_AT_FINAL,
	DENOISE_TO_ZERO,
	TRUE_ORDER,
	START,
	ANALYTIC_FIRST
};
enum { DPMSOLVERPP, DPMSOLVER, SDE_DPMSOLVERPP, SDE_DPMSOLVER };
enum { MIDPOINT, HEUN };

static const char *const algorithms[] = {"dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver", NULL};
static const char *const solver_types[] = {"midpoint", "heun", NULL};

static const dm_option options[] = {
    DMI_CHOICE("algorithm", "extrapolate x0 (++) or epsilon, as ODE or SDE", DPMSOLVERPP, algorithms),
    DMI_INTEGER("order", "order of the method", 2, 1, 3),
    DMI_CHOICE("solver_type", "weight of the slope at order 2", MIDPOINT, solver_types),
    DMI_INTEGER("lower_order_final", "1: short grids end with orders 2 and 1", 1, 0, 1),
    DMI_INTEGER("lower_order_below", "what is a short grid, in steps", 15, 0, DMI_MOST_STEPS),
    DMI_INTEGER("euler_at_final", "1: the last step has order 1", 0, 0, 1),
    DMI_INTEGER("denoise_to_zero", "1: x0 of one more evaluation at the last node is the result", 0, 0, 1),
    DMI_INTEGER("true_order",
                "1: order 3 with its full second derivative; 0: as published, of order 2 even with start=rk", 0, 0, 1),
    DMI_START,
    DMI_ANALYTIC_FIRST,
};

static int order_now(const dm_step *s)
{
	int order = (int)s->option[ORDER];
	int64_t left = s->n_step - s->step;
	int is_short = s->option[LOWER_ORDER_FINAL] != 0 && (double)s->n_step < s->option[LOWER_ORDER_BELOW];
	if (left == 1 && (s->option[EULER_AT_FINAL] != 0 || is_short))
		return 1;
	return left == 2 && is_short && order > 2 ? 2 : order;
}

/* Up from sigma = 0, and in epsilon from alpha = 0, where lambda is infinite: x' = alpha' x0 + sigma' epsilon. */
static dm_val leave_end(dm_emit *e, const dm_step *s, const struct dmi_seen *seen)
{
	return dm_emit_linear(e, 2,
	                      (dm_term[]){{s->to->alpha, dmi_view(e, seen, DM_SPACE_X0)},
	                                  {s->to->sigma, dmi_view(e, seen, DM_SPACE_EPSILON)}});
}

static dm_val advance(dm_emit *e, const dm_step *s, const struct dmi_multistep *method, int wanted, dm_val m)
{
	struct dmi_multistep now = *method;
	now.order = 1 + dmi_history(s, wanted - 1);
	if (now.order == wanted || s->option[START] == DMI_START_EULER || s->n_past >= wanted)
		return dmi_emit_multistep(e, s, &now, m);
	struct dmi_single single = {.s = s, .from = s->from, .to = s->to, .x = s->x, .m = m, .predict = method->predict};
	single.eta = method->eta;
	single.s_noise = 1;
	single.r[0] = wanted == 2 ? 1.0 / 2 : 1.0 / 3;
	single.r[1] = 2.0 / 3;
	return dmi_single_result(e, &single, dmi_single_stages(e, &single, wanted));
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int algorithm = (int)s->option[ALGORITHM], wanted = order_now(s);
	int predict = algorithm == DPMSOLVER || algorithm == SDE_DPMSOLVER ? DMI_DPM_EPSILON : DMI_DPM_X0;
	struct dmi_multistep method = {.predict = predict, .midpoint = s->option[SOLVER_TYPE] == MIDPOINT, .s_noise = 1};
	method.true_order = s->option[TRUE_ORDER] != 0;
	method.analytic_first = s->option[ANALYTIC_FIRST] != 0;
	method.eta = algorithm >= SDE_DPMSOLVERPP;
	dm_val x;
	(void)user;
	if (!dmi_dpm_possible(e, s, predict, method.eta))
		return DM_OK;
	struct dmi_seen seen = dmi_see(e, s, method.analytic_first);
	dm_val m = dmi_view(e, &seen, dmi_dpm_space(predict));
	if (s->to->sigma == 0)
		x = dm_emit_linear(e, 1, (dm_term[]){{s->to->alpha, dmi_view(e, &seen, DM_SPACE_X0)}});
	else if (s->from->sigma == 0 || (predict == DMI_DPM_EPSILON && s->from->alpha == 0))
		x = leave_end(e, s, &seen);
	else
		x = advance(e, s, &method, wanted, m);
	if (s->option[DENOISE_TO_ZERO] != 0 && s->step + 1 == s->n_step && s->to->sigma > 0) {
		dm_node clean = dmi_aim(e, s, 0);
		x = dm_emit_eval_to(e, x, s->to, &clean, DM_SPACE_X0);
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	}
	dm_emit_state(e, x);
	dm_emit_push(e, s->from, m, wanted);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	const double *o = given->value;
	double start = o[TRUE_ORDER] != 0 && o[ALGORITHM] < SDE_DPMSOLVERPP ? o[START] : DMI_START_EULER;
	if (o[DENOISE_TO_ZERO] != 0) /* the result is not the state */
		return 0;
	int is_short = o[LOWER_ORDER_FINAL] != 0 && o[LOWER_ORDER_BELOW] >= DMI_MOST_STEPS;
	return dmi_order_with_end(o[EULER_AT_FINAL] != 0 || is_short,
	                          dmi_started_order(o[ORDER], start, o[ANALYTIC_FIRST]));
}

const struct dmi_sampler_type dmi_sampler_dpm_multistep = {
    .method = DMI_METHOD_KNOWN("dpm_multistep",
                               "DPM-Solver and DPM-Solver++, multistep, orders 1 to 3, ODE and SDE, down and up",
                               "Lu 2022a; Lu 2022b, algorithm 2", options,
                               "diffusers: DPMSolverMultistepScheduler, DPMSolverMultistepInverseScheduler (over a "
                               "grid that goes up), EDMDPMSolverMultistepScheduler, CosineDPMSolverMultistepScheduler "
                               "(algorithm=sde-dpmsolver++), CogVideoXDPMScheduler (algorithm=sde-dpmsolver++)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 2, .step = step},
    .order = order,
};
