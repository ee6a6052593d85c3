/* The functions a sampler calls. They only write down and check; compile.c makes rows of it. */
#include "base/compiler.h"
#include "base/math.h"
#include "plan/emit.h"
#include "base/error.h"
#include "plan/guide.h"
#include "demist/array.h"
#include "demist/noise.h"
#include <math.h>
#include <string.h>

void dmi_emit_begin(dm_emit *e, int32_t n_kept)
{
	e->error.status = DM_OK;
	e->is_lost = e->is_full = 0;
	e->n_value = e->n_term = e->n_push = 0;
	e->start = e->state = e->own_state = 0;
	e->inner = e->stage = 0;
	e->evaluation = 0;
	e->n_kept = n_kept;
	e->departs = 0;
	memset(e->keep, 0, sizeof e->keep);
	memset(e->estimate, 0, sizeof e->estimate);
	e->norm = 0;
}

static int failed(const dm_emit *e)
{
	return !e || e->error.status != DM_OK;
}

dm_val dmi_emit_define(dm_emit *e, int32_t kind)
{
	if (failed(e))
		return 0;
	if (e->n_value == e->value_room) {
		e->is_full = 1;
		dmi_fail(&e->error, DM_ERR_SAMPLER,
		         "plan: one step makes more than %d values; less come of fewer rounds (guidance mmps), fewer Langevin "
		         "steps (plan option refine) or a sampler with fewer evaluations in a step",
		         e->value_room);
		return 0;
	}
	struct dmi_value *v = &e->value[e->n_value++];
	memset(v, 0, sizeof *v);
	v->kind = kind;
	v->inner = e->inner;
	return e->n_value;
}

int dmi_emit_defined(dm_emit *e, dm_val v, const char *where)
{
	if (!failed(e) && (v < 1 || v > e->n_value))
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: %s reads value %d, which was never defined", where, v);
	return !failed(e);
}

static int predicted(dm_emit *e, dm_val v, const char *where)
{
	if (dmi_emit_defined(e, v, where) && e->value[v - 1].kind != DMI_PREDICTION && e->value[v - 1].kind != DMI_GUIDED)
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: %s: value %d is not an evaluation", where, v);
	return !failed(e);
}

int dmi_emit_node_is_good(dm_emit *e, const dm_node *at, const char *where)
{
	if (failed(e))
		return 0;
	if (!at || !(at->alpha >= 0 && at->sigma >= 0 && at->alpha + at->sigma > 0 && at->alpha + at->sigma < INFINITY)) {
		e->is_lost = at != NULL;
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: %s: a node needs finite alpha >= 0, sigma >= 0, not both 0",
		         where);
	}
	return !failed(e);
}

dm_val dmi_emit_entry(dm_emit *e)
{
	return dmi_emit_define(e, DMI_ENTRY);
}

dm_val dm_emit_linear(dm_emit *e, int32_t n, const dm_term *term)
{
	if (failed(e))
		return 0;
	int32_t first = e->n_term, kept = 0;
	if (n < 0 || (n && !term)) {
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: a weighted sum of n = %d needs n >= 0 and its terms", n);
		return 0;
	}
	for (int32_t i = 0; i < n; i++) {
		if (term[i].coefficient == 0)
			continue;
		if (!dmi_emit_defined(e, term[i].value, "a weighted sum"))
			return 0;
		if (!dmi_is_finite(term[i].coefficient)) {
			e->is_lost = 1;
			dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: coefficient %g of value %d is not finite",
			         term[i].coefficient, term[i].value);
			return 0;
		}
		if (e->n_term == e->term_room) {
			e->is_full = 1;
			dmi_fail(&e->error, DM_ERR_SAMPLER,
			         "plan: the sums of one step have more than %d terms; less come of fewer rounds (guidance mmps), "
			         "fewer Langevin steps (plan option refine) or a sampler with fewer evaluations in a step",
			         e->term_room);
			return 0;
		}
		e->term[e->n_term++] = term[i];
		kept++;
	}
	dm_val v = dmi_emit_define(e, DMI_LINEAR);
	if (v) {
		e->value[v - 1].first_term = first;
		e->value[v - 1].n_term = kept;
	}
	return v;
}

dm_val dm_emit_noise(dm_emit *e, int64_t visit, int32_t tag)
{
	uint32_t draw;
	if (failed(e) || dm_draw(DM_DRAW_STEP, e->visit + visit, tag, &draw, &e->error) != DM_OK)
		return 0;
	dm_val v = dmi_emit_define(e, DMI_NOISE);
	if (v)
		e->value[v - 1].draw = draw;
	return v;
}

dm_val dm_emit_increment(dm_emit *e, double lambda_from, double lambda_to, int32_t tag)
{
	if (failed(e))
		return 0;
	if (!e->path)
		return dm_emit_noise(e, e->step, tag);
	uint32_t draw;
	if (dm_draw(DM_DRAW_PATH, e->visit + e->step, tag, &draw, &e->error) != DM_OK)
		return 0;
	if (!(lambda_from < lambda_to || lambda_to < lambda_from)) {
		e->is_lost = 1;
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: an increment from lambda = %g to %g has no length", lambda_from,
		         lambda_to);
		return 0;
	}
	if (fmin(lambda_from, lambda_to) >= 20 || fmax(lambda_from, lambda_to) <= -20) {
		dmi_fail(&e->error, DM_ERR_UNSUPPORTED,
		         "sampler: with noise=path a step must reach into lambda = -20 .. 20, not from %g to %g", lambda_from,
		         lambda_to);
		return 0;
	}
	dm_val v = dmi_emit_define(e, DMI_NOISE);
	if (v) {
		e->value[v - 1].draw = draw;
		e->value[v - 1].parameter[0] = lambda_from;
		e->value[v - 1].parameter[1] = lambda_to;
	}
	return v;
}

static int space_is_good(dm_emit *e, int32_t space)
{
	if (!failed(e) && (space < DM_SPACE_RAW || space > DM_SPACE_SCORE))
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: space %d is none of DM_SPACE_...", space);
	return !failed(e);
}

dm_val dmi_emit_prediction(dm_emit *e, dm_val x, dm_val asked, const dm_node *at, const dm_node *to, int32_t space)
{
	dm_val v = dmi_emit_define(e, DMI_PREDICTION);
	if (v) {
		e->value[v - 1].of = x;
		e->value[v - 1].asked = asked;
		e->value[v - 1].at = *at;
		e->value[v - 1].to = *to;
		e->value[v - 1].space = space;
	}
	return v;
}

dm_val dm_emit_eval(dm_emit *e, dm_val x, const dm_node *at, int32_t space)
{
	return failed(e) ? 0 : dm_emit_eval_to(e, x, at, e->to, space);
}

dm_val dm_emit_eval_to(dm_emit *e, dm_val x, const dm_node *at, const dm_node *to, int32_t space)
{
	if (!dmi_emit_defined(e, x, "an evaluation") || !dmi_emit_node_is_good(e, at, "evaluation") ||
	    !dmi_emit_node_is_good(e, to, "the aim of an evaluation") || !space_is_good(e, space))
		return 0;
	if (e->inner) {
		dmi_fail(&e->error, DM_ERR_SAMPLER, "guidance: a stage may not evaluate the model");
		return 0;
	}
	return e->guidance ? dmi_guide_evaluate(e, x, at, to, space) : dmi_emit_prediction(e, x, x, at, to, space);
}

dm_val dm_emit_part(dm_emit *e, dm_val eval, int32_t part, int32_t space)
{
	if (!predicted(e, eval, "a part") || !space_is_good(e, space))
		return 0;
	if (part != DM_PART_PREDICTION && part != DM_PART_UNMAPPED && part != DM_PART_UNGUIDED &&
	    part != DM_PART_VARIANCE) {
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: part %d is none of DM_PART_...", part);
		return 0;
	}
	int guided = e->value[eval - 1].kind == DMI_GUIDED;
	if (guided && (part == DM_PART_PREDICTION || part == DM_PART_UNMAPPED))
		return dmi_guide_view(e, eval, space, part == DM_PART_UNMAPPED);
	dm_val v = dmi_emit_define(e, DMI_PART);
	if (v) {
		e->value[v - 1].of = guided ? e->value[eval - 1].of : eval;
		e->value[v - 1].part = part;
		e->value[v - 1].space = space;
	}
	return v;
}

/* A value that reads others whole, not in a sum. */
dm_val dmi_emit_over(dm_emit *e, int32_t kind, int32_t n, int32_t max, const dm_val *value, int32_t rule,
                     const double parameter[4], const char *where)
{
	dm_term term[DMI_MAX_INPUT];
	if (!failed(e) && (n < 1 || n > max))
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: %s of %d values, it takes 1 to %d", where, n, max);
	if (!failed(e) && (!value || !parameter))
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: %s: %s is NULL", where, value ? "parameter" : "value");
	for (int32_t i = 0; !failed(e) && i < n; i++) {
		if (!dmi_emit_defined(e, value[i], where))
			return 0;
		term[i] = (dm_term){1, value[i]};
	}
	dm_val v = failed(e) ? 0 : dm_emit_linear(e, n, term);
	if (v) {
		e->value[v - 1].kind = kind;
		e->value[v - 1].rule = rule;
		memcpy(e->value[v - 1].parameter, parameter, 4 * sizeof *parameter);
	}
	return v;
}

dm_val dm_emit_map(dm_emit *e, int32_t map, int32_t n, const dm_val *value, const double parameter[4])
{
	static const int32_t n_of[] = {
	    [DM_MAP_CLIP] = 1,     [DM_MAP_QUANTILE_CLIP] = 1, [DM_MAP_LEARNED_STD] = 2, [DM_MAP_BLEND] = 3,
	    [DM_MAP_STD_CLIP] = 1, [DM_MAP_RATIO] = 2,         [DM_MAP_SIGNED_ROOT] = 1, [DM_MAP_AT_LEAST] = 1};
	if (!failed(e) && (map < DM_MAP_CLIP || map > DM_MAP_AT_LEAST || n != n_of[map]))
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: map %d of %d values is none of DM_MAP_...", map, n);
	return dmi_emit_over(e, DMI_MAPPED, n, 3, value, map, parameter, "a map");
}

dm_val dm_emit_weighted(dm_emit *e, int32_t n, const dm_val *value, int32_t rule, const double parameter[4])
{
	dm_val v =
	    dmi_emit_over(e, DMI_WEIGHTED, n, DMI_MAX_INPUT, value, rule, parameter, "a weighted sum by inner products");
	if (v && e->stage && !e->guidance->stage[e->stage - 1].ops.rule)
		dmi_fail(&e->error, DM_ERR_SAMPLER, "guidance \"%s\": dm_emit_weighted needs rule()",
		         e->guidance->stage[e->stage - 1].name);
	if (v)
		e->value[v - 1].stage = e->stage;
	return v;
}

void dm_emit_push(dm_emit *e, const dm_node *at, dm_val prediction, int32_t order)
{
	if (!dmi_emit_defined(e, prediction, "push") || !dmi_emit_node_is_good(e, at, "push"))
		return;
	if (e->n_push == DMI_MAX_PAST) {
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: more than %d pushes in one interval", DMI_MAX_PAST);
		return;
	}
	e->push[e->n_push++] = (dm_past){*at, prediction, order};
}

void dm_emit_keep(dm_emit *e, int32_t k, dm_val value)
{
	if (!dmi_emit_defined(e, value, "keep"))
		return;
	if (k < 0 || k >= e->n_kept)
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: keep %d is outside the n_kept = %d declared", k, e->n_kept);
	else
		e->keep[k] = value;
}

void dm_emit_state(dm_emit *e, dm_val x)
{
	if (!dmi_emit_defined(e, x, "the state"))
		return;
	if (e->state)
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: the state was set twice");
	else
		e->state = e->own_state = x;
}

void dm_emit_error_estimate(dm_emit *e, dm_val high, dm_val low, dm_val reference, double atol, double rtol,
                            int32_t norm)
{
	if (!dmi_emit_defined(e, high, "the error estimate") || !dmi_emit_defined(e, low, "the error estimate") ||
	    !dmi_emit_defined(e, reference, "the error estimate"))
		return;
	if (!(atol >= 0 && rtol >= 0 && atol + rtol > 0 && atol + rtol < INFINITY)) {
		dmi_fail(&e->error, DM_ERR_ARGUMENT, "sampler: atol = %g, rtol = %g must be >= 0, finite and not both 0", atol,
		         rtol);
		return;
	}
	if (norm < DM_NORM_SAMPLE || norm > DM_NORM_MAX) {
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: norm %d is none of DM_NORM_...", norm);
		return;
	}
	/* as one sum: the difference of two close arrays would be mostly rounding */
	e->estimate[0] = dm_emit_linear(e, 2, (dm_term[]){{1, high}, {-1, low}});
	e->estimate[1] = low;
	e->estimate[2] = reference;
	e->tolerance[0] = atol;
	e->tolerance[1] = rtol;
	e->norm = norm;
}

void dm_emit_departs(dm_emit *e, int32_t what)
{
	if (!failed(e))
		e->departs |= what & (DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
}

void dm_emit_fail(dm_emit *e, dm_status status, const char *message)
{
	if (!failed(e))
		dmi_fail(&e->error, status < 0 ? status : DM_ERR_SAMPLER, "%s",
		         message ? message : "sampler: step failed without saying why");
}
