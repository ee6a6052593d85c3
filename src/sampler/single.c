#include "base/compiler.h"
#include "sampler/single.h"
#include "base/math.h"
#include <math.h>

/* Goes on with the noise to a node: in the x0 form what is there fades by e^(-eta h) in units of sigma, in the epsilon
 * form it stays, in units of alpha; a fresh share is added. */
static void advance(dm_emit *e, struct dmi_single *o, const dm_node *at)
{
	double h = dmi_lambda_step(&o->reached, at), start = o->reached.lambda, fresh;
	int x0 = o->predict == DMI_DPM_X0;
	o->reached = *at;
	if (o->eta == 0 || o->s_noise == 0 || h == 0)
		return;
	for (int k = 0; k < o->n_draw && x0; k++)
		o->carried[k] *= dmi_exp(-o->eta * h);
	fresh = x0 ? sqrt(fmax(-dmi_expm1(-2 * o->eta * h), 0)) : dmi_level(at) * sqrt(fmax(o->eta * dmi_expm1(2 * h), 0));
	o->draw[o->n_draw] = dm_emit_increment(e, start, at->lambda, o->n_draw);
	o->carried[o->n_draw++] = fresh;
}

/* The point at a node: x, m, up to two earlier differences (as sums of m and inner), and the noise so far. */
static dm_val point(dm_emit *e, const struct dmi_single *o, const dm_node *at, const struct dmi_dpm *w,
                    const double weight[2])
{
	dm_term term[7] = {
	    {w->x, o->x}, {w->m - weight[0] - weight[1], o->m}, {weight[0], o->inner[0]}, {weight[1], o->inner[1]}};
	if (o->x0) { /* x = alpha x0 + sigma m */
		term[0] = (dm_term){at->alpha, o->x0};
		term[1].coefficient = at->sigma - weight[0] - weight[1];
	}
	double unit = o->predict == DMI_DPM_X0 ? at->sigma : at->alpha;
	for (int k = 0; k < o->n_draw; k++)
		term[4 + k] = (dm_term){o->s_noise * unit * o->carried[k], o->draw[k]};
	return dm_emit_linear(e, 4 + o->n_draw, term);
}

static void stage(dm_emit *e, struct dmi_single *o, int k)
{
	dm_node at = *o->to;
	double h = dmi_lambda_step(o->from, o->to), weight[2] = {0};
	if (o->r[k] < 1 && dm_schedule_at_lambda(o->s->schedule, o->from->lambda + o->r[k] * h, &at, NULL) != DM_OK) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler: the schedule has no level inside one of the steps");
		return;
	}
	struct dmi_dpm w = dmi_dpm_weights(o->from, &at, o->predict, o->eta);
	if (k)
		weight[0] = w.m1 * o->r[1] / o->r[0];
	advance(e, o, &at);
	o->inner[k] = dm_emit_eval(e, point(e, o, &at, &w, weight), &at, dmi_dpm_space(o->predict));
}

int dmi_single_stages(dm_emit *e, struct dmi_single *o, int order)
{
	o->reached = *o->from;
	if (!dmi_is_finite(dmi_lambda_step(o->from, o->to)))
		return 1;
	for (int k = 0; k < order - 1; k++)
		stage(e, o, k);
	return order;
}

dm_val dmi_single_result(dm_emit *e, struct dmi_single *o, int order)
{
	struct dmi_dpm w = dmi_dpm_weights(o->from, o->to, o->predict, o->eta);
	double weight[2] = {0}, r1 = o->r[0], r2 = o->r[1];
	if (order == 2)
		weight[0] = (o->midpoint ? w.m / 2 : w.m1) / r1;
	else if (order == 3 && !o->taylor)
		weight[1] = w.m1 / r2;
	else if (order == 3) { /* m1 = (r2 E1 - r1 E2) / (r2 - r1), m2 = 2 (E2 - E1) / (r2 - r1), E_k = (m_k - m) / r_k */
		weight[0] = (w.m1 * r2 - 2 * w.m2) / (r1 * (r2 - r1));
		weight[1] = (2 * w.m2 - w.m1 * r1) / (r2 * (r2 - r1));
	}
	advance(e, o, o->to);
	if (o->eta > 0 && (o->s_noise != 1 || o->predict == DMI_DPM_EPSILON))
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	return point(e, o, o->to, &w, weight);
}
