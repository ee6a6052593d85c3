/* DPM-Solver and DPM-Solver++, single-step, one evaluation a step (Lu 2022a, 2022b; the scheduler of diffusers): steps in
 * groups of orders 1, 2, .. order. Step k of a group goes from the group's start to the step's own end with the k
 * predictions made since, in the step of single.h; so the last one of a group counts, and those before it are its
 * inner points.
 *
 * Step i has order i mod order + 1; lower_order_final = 1: the last one 1 where order divides the number of steps; the
 * step to sigma = 0 has order 1 and returns x0; orders = a/b/.. says them all. A run that starts inside the grid begins a
 * group there. State: the start of the group, two earlier predictions. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/orders.h"
#include "sampler/single.h"
#include "base/math.h"

enum { ALGORITHM, ORDER, SOLVER_TYPE, LOWER_ORDER_FINAL, ORDERS, ANALYTIC_FIRST };
enum { DPMSOLVERPP, DPMSOLVER, SDE_DPMSOLVERPP };
enum { MIDPOINT, HEUN };

static const char *const algorithms[] = {"dpmsolver++", "dpmsolver", "sde-dpmsolver++", NULL};
static const char *const solver_types[] = {"midpoint", "heun", NULL};

static const dm_option options[] = {
    DMI_CHOICE("algorithm", "extrapolate x0 (++) or epsilon, as ODE or SDE", DPMSOLVERPP, algorithms),
    DMI_INTEGER("order", "steps in a group", 2, 1, 3),
    DMI_CHOICE("solver_type", "midpoint; heun: all slopes of a group", MIDPOINT, solver_types),
    DMI_INTEGER("lower_order_final", "1: the last step has order 1 where the groups fill the grid", 1, 0, 1),
    DMI_ORDERS,
    DMI_ANALYTIC_FIRST,
};

/* Whether the predictions of a group of k steps are apart. */
static int is_group(const dm_step *s, int k)
{
	double way = dmi_lambda_step(k > 1 ? &s->past[k - 2].at : s->from, s->to), last = s->from->lambda;
	for (int i = 0; i < k - 1; last = s->past[i++].at.lambda)
		if (!dmi_apart(last, s->past[i].at.lambda, way))
			return 0;
	return 1;
}

/* The last step of a grid that groups fill. */
static int is_cut(const dm_step *s, int most)
{
	return s->option[LOWER_ORDER_FINAL] != 0 && s->step + 1 == s->n_step && s->n_step % most == 0;
}

static int order_now(dm_emit *e, const dm_step *s, const void *user)
{
	int most = (int)s->option[ORDER], order = dmi_listed_order(e, s, user);
	if (!order)
		order = is_cut(s, most) ? 1 : (int)(s->step % most) + 1;
	if (s->to->sigma == 0 || s->n_past == 0 || order > s->past[0].order + 1)
		order = s->to->sigma == 0 || s->n_past == 0 ? 1 : (int)s->past[0].order + 1;
	return is_group(s, order) ? order : 1;
}

/* A step of order k: from the group's start, with the predictions made since. */
static dm_val advance(dm_emit *e, const dm_step *s, struct dmi_single *o, int order, dm_val m)
{
	double h = dmi_lambda_step(o->from, s->to);
	o->m = order > 1 ? s->past[order - 2].prediction : m;
	for (int k = 0; k < order - 1; k++)
		dmi_departs_at(e, s->option[ANALYTIC_FIRST] != 0, &s->past[k].at);
	for (int k = 0; k < order - 1; k++) {
		const dm_past *p = k < order - 2 ? &s->past[order - 3 - k] : NULL;
		o->inner[k] = p ? p->prediction : m;
		o->r[k] = ((p ? &p->at : s->from)->lambda - o->from->lambda) / h;
	}
	o->reached = *o->from;
	return dmi_single_result(e, o, order);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int algorithm = (int)s->option[ALGORITHM], predict = algorithm == DPMSOLVER ? DMI_DPM_EPSILON : DMI_DPM_X0;
	struct dmi_single single = {.s = s, .to = s->to, .predict = predict, .s_noise = 1};
	int order = order_now(e, s, user);
	single.eta = algorithm == SDE_DPMSOLVERPP;
	single.midpoint = s->option[SOLVER_TYPE] == MIDPOINT;
	single.taylor = !single.midpoint;
	if (!dmi_dpm_possible(e, s, predict, single.eta))
		return DM_OK;
	struct dmi_seen seen = dmi_see(e, s, s->option[ANALYTIC_FIRST] != 0);
	dm_val m = dmi_view(e, &seen, dmi_dpm_space(predict));
	single.from = order > 1 ? &s->past[order - 2].at : s->from;
	single.x = order > 1 ? s->kept[0] : s->x;
	if (predict == DMI_DPM_EPSILON && order == 1)
		single.x0 = dmi_view(e, &seen, DM_SPACE_X0);
	if (s->to->sigma == 0)
		dm_emit_state(e, dm_emit_linear(e, 1, (dm_term[]){{s->to->alpha, dmi_view(e, &seen, DM_SPACE_X0)}}));
	else
		dm_emit_state(e, advance(e, s, &single, order, m));
	dm_emit_keep(e, 0, single.x);
	dm_emit_push(e, s->from, m, order);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	const double *o = given->value;
	int32_t most = o[ALGORITHM] == SDE_DPMSOLVERPP || o[ANALYTIC_FIRST] != 0 ? 1 : (int32_t)o[ORDER];
	return given->n_list ? 0 : dmi_order_with_end(1, most); /* of 3 k + 1 steps the last one has order 1 in any case */
}

const struct dmi_sampler_type dmi_sampler_dpm_singlestep = {
    .method = DMI_METHOD_KNOWN("dpm_singlestep", "DPM-Solver and DPM-Solver++, single-step in groups of 1 to 3 steps",
                               "Lu 2022a, 2022b; diffusers", options, "diffusers: DPMSolverSinglestepScheduler"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 2, .n_kept = 1, .step = step},
    .order = order,
};
