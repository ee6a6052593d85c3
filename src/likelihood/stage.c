/* One stage of a step: v and its divergence at the samples' places. The trace of the output's Jacobian is
 *
 *     mean over probes of probe . (J probe),    J probe by vjp: J^T probe, whose product with probe is the same number,
 *     or probe . (out(y + d probe) - out(y - d probe)) / (2 d)
 */
#include "base/compiler.h"
#include "likelihood/ode.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>
#include <string.h>

void dmi_ode_advance(dm_likelihood *l, size_t i, const double *weight, int32_t n)
{
	struct dmi_ode *o = &l->ode;
	size_t at = i * l->ask.n_element;
	double c[1 + DMI_RK_STAGES] = {1};
	dm_input in[1 + DMI_RK_STAGES] = {dmi_row(o->y + at)};
	for (int32_t s = 0; s < n; s++) {
		in[1 + s] = dmi_row(o->slope[s] + at);
		c[1 + s] = o->lane[i].h * weight[s];
	}
	dmi_row_sum(&l->ask, i, 1 + n, in, c, o->y_next + at, DM_F64);
}

/* -------------------------------------------------------------------------------------------------- the prediction */

static dm_status stage_node(const dm_likelihood *l, const struct dmi_lane *lane, dm_node *out, dm_error *err)
{
	const struct dmi_ode *o = &l->ode;
	double c = o->tableau->c[o->stage];
	int adaptive = o->tableau->adaptive;
	if (c == 0 && (!adaptive || lane->step == 0))
		*out = o->node[lane->step];
	else if (c == 1 && (!adaptive || lane->is_end))
		*out = o->node[adaptive ? 1 : lane->step + 1];
	else
		return dmi_ode_node(l, lane->angle + c * lane->h, out, err);
	return DM_OK;
}

/* Sets what the lane needs to know of its stage's node. */
static dm_status enter_node(dm_likelihood *l, size_t k, struct dmi_lane *lane, dm_error *err)
{
	dm_node at;
	dm_status st = stage_node(l, lane, &at, err);
	if (st == DM_OK)
		st = dmi_ask_node(&l->ask, k, &at, err);
	if (st == DM_OK)
		st = dmi_ask_decode(&l->ask, DM_SPACE_V, &at, lane->row, err);
	if (st != DM_OK)
		return st;
	lane->r = sqrt(at.alpha * at.alpha + at.sigma * at.sigma);
	st = dmi_ask_scale(&l->ask, &at, &lane->scale, err);
	lane->scale *= lane->r;
	return st;
}

dm_status dmi_ode_ask_prediction(dm_likelihood *l, size_t n, dm_error *err)
{
	struct dmi_ode *o = &l->ode;
	const struct dmi_lane *first = &o->lane[l->ask.row[0]];
	dmi_ask_rows(&l->ask, n, o->together ? 1 : n);
	for (size_t k = 0; k < n; k++) {
		size_t i = l->ask.row[k];
		struct dmi_lane *lane = &o->lane[i];
		if (k && o->together) {
			lane->r = first->r;
			lane->scale = first->scale;
			memcpy(lane->row, first->row, sizeof lane->row);
		} else {
			dm_status st = enter_node(l, k, lane, err);
			if (st != DM_OK)
				return st;
		}
		dmi_ode_advance(l, i, o->tableau->a[o->stage], o->stage);
		const dm_input y = dmi_row(o->y_next + i * l->ask.n_element);
		dmi_row_sum(&l->ask, i, 1, &y, &lane->scale, dmi_ask_input(&l->ask, k), l->ask.rq.x_type);
	}
	return dmi_ask_make(&l->ask, DM_ASK_PREDICTION);
}

/* ---------------------------------------------------------------------------------------------------------- probes */

static void draw_probe(dm_likelihood *l, size_t i, size_t which)
{
	static const double one = 1;
	const struct dmi_ode *o = &l->ode;
	size_t n = l->ask.n_element;
	double *probe = o->probe + i * n;
	dm_input in = {.source = DM_SOURCE_NORMALS, .draw = (uint32_t)DM_DRAW_PROBE << 29 | (uint32_t)which};
	if (o->given) {
		size_t at = (which * l->ask.n_sample + i) * n * dmi_type_size(o->given_type);
		in = (dm_input){.data = (const char *)o->given + at, .type = o->given_type};
	}
	if (!o->given && l->ask.options.value[DMI_ODE_PROBE] == DMI_PROBE_EXACT) {
		memset(probe, 0, n * sizeof *probe);
		probe[which] = 1;
		return;
	}
	dmi_row_sum(&l->ask, i, 1, &in, &one, probe, DM_F64);
	for (size_t j = 0; !o->given && l->ask.options.value[DMI_ODE_PROBE] == DMI_PROBE_RADEMACHER && j < n; j++)
		probe[j] = probe[j] < 0 ? -1 : 1;
}

/* The rows, nodes and times of the request are still those of the prediction. */
dm_status dmi_ode_ask_probe(dm_likelihood *l)
{
	static const double one = 1;
	const struct dmi_ode *o = &l->ode;
	size_t which = o->use_vjp ? o->part - 1 : (o->part - 1) / 2, n = l->ask.n_element;
	int ahead = !o->use_vjp && (o->part - 1) % 2 == 0;
	for (size_t k = 0; k < l->ask.rq.n_sample; k++) {
		size_t i = l->ask.row[k];
		const dm_input in[2] = {dmi_row(o->y_next + i * n), dmi_row(o->probe + i * n)};
		const double scale = o->lane[i].scale, c[2] = {scale, (ahead ? scale : -scale) * o->difference};
		if (o->use_vjp || ahead)
			draw_probe(l, i, which);
		if (o->use_vjp)
			dmi_row_sum(&l->ask, i, 1, &in[1], &one, dmi_ask_cotangent(&l->ask, k), l->ask.rq.out_type);
		else
			dmi_row_sum(&l->ask, i, 2, in, c, dmi_ask_input(&l->ask, k), l->ask.rq.x_type);
	}
	return dmi_ask_make(&l->ask, o->use_vjp ? DM_ASK_VJP : DM_ASK_PREDICTION);
}

/* --------------------------------------------------------------------------------------------------------- answers */

static void take_prediction(dm_likelihood *l, size_t k, size_t i)
{
	struct dmi_ode *o = &l->ode;
	struct dmi_lane *lane = &o->lane[i];
	size_t at = i * l->ask.n_element;
	const dm_input in[2] = {dmi_row(o->y_next + at), dmi_ask_answer(&l->ask, k)};
	const double c[2] = {lane->row[0] * lane->r, lane->row[1]};
	dmi_row_sum(&l->ask, i, 2, in, c, o->slope[o->stage] + at, DM_F64);
	lane->trace = 0;
}

/* The cotangent that was sent is the probe rounded to its type, so it is the one to multiply with. */
static void take_probe(dm_likelihood *l, size_t k, size_t i)
{
	const struct dmi_ode *o = &l->ode;
	struct dmi_lane *lane = &o->lane[i];
	const dm_input sent = {.data = o->use_vjp ? dmi_ask_cotangent(&l->ask, k) : NULL, .type = l->ask.rq.out_type};
	double product = dmi_row_product(&l->ask, o->use_vjp ? sent : dmi_row(o->probe + i * l->ask.n_element),
	                                 dmi_ask_answer(&l->ask, k));
	if (o->use_vjp)
		lane->trace += lane->scale * product;
	else if ((o->part - 1) % 2 == 0)
		lane->ahead = product;
	else
		lane->trace += (lane->ahead - product) / (2 * o->difference);
}

dm_status dmi_ode_take(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	struct dmi_ode *o = &l->ode;
	int exact = l->ask.options.value[DMI_ODE_PROBE] == DMI_PROBE_EXACT && !o->given;
	(void)err;
	dmi_likelihood_count(l);
	for (size_t k = 0; k < l->ask.rq.n_sample; k++)
		(o->part ? take_probe : take_prediction)(l, k, l->ask.row[k]);
	if (++o->part < o->n_part)
		return DM_OK;
	for (size_t k = 0; k < l->ask.rq.n_sample; k++) {
		struct dmi_lane *lane = &o->lane[l->ask.row[k]];
		double trace = exact ? lane->trace : lane->trace / (double)o->n_probe;
		lane->rate[o->stage] = (double)l->ask.n_element * lane->r * lane->row[0] + lane->row[1] * trace;
	}
	o->part = 0;
	if (++o->stage < o->tableau->n_stage)
		return DM_OK;
	dmi_ode_end_trial(l);
	o->stage = o->tableau->adaptive; /* there the first slope is known */
	return DM_OK;
}
