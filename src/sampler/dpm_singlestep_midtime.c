/* DPM-Solver and DPM-Solver++, single-step, k evaluations a step of order k (Lu 2022a, algorithms 1 and 2; Lu 2022b): the
 * step of single.h. The inner points divide the step evenly in lambda, in the process time, or in its square root
 * (inner_grid), as the grid itself is spaced.
 *
 * Every step has the order asked for; nfe = n makes the blocks of dmi_block_order() instead, orders = a/b/.. says them
 * all. Steps to sigma = 0 return x0, and those from alpha = 0 have order 1. State: none. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/orders.h"
#include "sampler/single.h"
#include "base/math.h"
#include <math.h>

enum { ALGORITHM, ORDER, SOLVER_TYPE, INNER_GRID, NFE };
enum { DPMSOLVERPP, DPMSOLVER };
enum { MIDPOINT, HEUN };
enum { LOG_SNR, TIME_UNIFORM, TIME_QUADRATIC };

static const char *const algorithms[] = {"dpmsolver++", "dpmsolver", NULL};
static const char *const solver_types[] = {"midpoint", "heun", NULL};
static const char *const inner_grids[] = {"log_snr", "time_uniform", "time_quadratic", NULL};

static const dm_option options[] = {
    DMI_CHOICE("algorithm", "extrapolate x0 (++) or epsilon", DPMSOLVERPP, algorithms),
    DMI_INTEGER("order", "order, and evaluations of a step", 3, 1, 3),
    DMI_CHOICE("solver_type", "midpoint; heun: all slopes of a step", MIDPOINT, solver_types),
    DMI_CHOICE("inner_grid", "how the inner points divide a step", LOG_SNR, inner_grids),
    DMI_INTEGER("nfe", "evaluations in all, which sets the orders of the last steps; 0: all as asked for", 0, 0,
                50331645),
    DMI_ORDERS,
};

/* The fraction of the step in lambda of its j-th of k parts. */
static double fraction(dm_emit *e, const dm_step *s, int j, int k)
{
	dm_node at;
	double part = (double)j / k, kind = s->option[INNER_GRID], a = s->from->t, b = s->to->t;
	if (kind == LOG_SNR)
		return part;
	double root = sqrt(fmax(a, 0)) + part * (sqrt(fmax(b, 0)) - sqrt(fmax(a, 0)));
	dm_status st = dm_schedule_at_time(s->schedule, kind == TIME_UNIFORM ? a + part * (b - a) : root * root, &at, NULL);
	if (st != DM_OK)
		dm_emit_fail(e, st, "sampler \"dpm_singlestep_midtime\": the schedule has no level inside one of the steps");
	return st == DM_OK ? (at.lambda - s->from->lambda) / dmi_lambda_step(s->from, s->to) : part;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int predict = s->option[ALGORITHM] == DPMSOLVER ? DMI_DPM_EPSILON : DMI_DPM_X0;
	struct dmi_single single = {.s = s, .from = s->from, .to = s->to, .x = s->x, .predict = predict};
	int order = dmi_listed_order(e, s, user);
	if (!order && s->option[NFE] > 0)
		order = dmi_block_order(e, s, (int)s->option[ORDER], (int64_t)s->option[NFE]);
	else if (!order)
		order = (int)s->option[ORDER];
	single.midpoint = s->option[SOLVER_TYPE] == MIDPOINT;
	single.taylor = !single.midpoint;
	if (!dmi_dpm_possible(e, s, predict, 0))
		return DM_OK;
	single.m = dm_emit_eval(e, s->x, s->from, dmi_dpm_space(predict));
	if (predict == DMI_DPM_EPSILON)
		single.x0 = dm_emit_part(e, single.m, DM_PART_PREDICTION, DM_SPACE_X0);
	if (s->to->sigma == 0) {
		dm_emit_state(e, dmi_emit_data(e, single.m, s->to));
		return DM_OK;
	}
	int is_empty = dmi_lambda_step(s->from, s->to) == 0;
	for (int j = 1; j < order; j++)
		single.r[j - 1] = is_empty ? (double)j / order : fraction(e, s, j, order);
	dm_emit_state(e, dmi_single_result(e, &single, dmi_single_stages(e, &single, order)));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return given->n_list ? 0 : dmi_order_with_end(given->value[NFE], (int32_t)given->value[ORDER]);
}

const struct dmi_sampler_type dmi_sampler_dpm_singlestep_midtime = {
    .method =
        DMI_METHOD("dpm_singlestep_midtime", "DPM-Solver and DPM-Solver++ of order 1 to 3, with inner evaluations",
                   "Lu 2022a, algorithms 1-2; Lu 2022b", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
