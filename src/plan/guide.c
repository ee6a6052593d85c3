#include "base/compiler.h"
#include "plan/guide.h"
#include "base/error.h"
#include "guidance/common.h"
#include "plan/own_noise.h"
#include "demist/noise.h"

typedef dm_status (*stage_function)(void *, const dm_guide *, dm_emit *, dm_val *);

/* Lets stage i put another value in the place of *v. */
static void call(dm_emit *e, int32_t i, stage_function f, const dm_guide *guide, dm_val *v)
{
	if (e->error.status != DM_OK || !f)
		return;
	e->inner = 1;
	e->stage = 1 + i;
	dm_status code = f(e->guidance->stage[i].user, guide, e, v);
	if (e->error.status == DM_OK && code)
		dmi_fail_callback(&e->error, "guidance stage", code, NULL);
	dmi_emit_defined(e, *v, "a stage of the guidance");
	e->inner = e->stage = 0;
}

static dm_val map(dm_emit *e, const struct dmi_guidance_type *type, const double *option, const dm_node *at, dm_val x0)
{
	if (!dmi_acts_at(option, at))
		return x0;
	double parameter[4] = {0};
	type->parameters(option, parameter);
	e->inner = 1;
	dm_val v = dm_emit_map(e, type->map, 1, &x0, parameter);
	e->inner = 0;
	return v;
}

static dm_guide view(const dm_emit *e, const dm_node *at, dm_val x, dm_val evaluation)
{
	return (dm_guide){.struct_size = sizeof(dm_guide),
	                  .step = e->visit + e->step,
	                  .n_step = e->n_step,
	                  .at = at,
	                  .from = e->from,
	                  .to = e->to,
	                  .schedule = e->schedule,
	                  .end = e->end,
	                  .x = x,
	                  .evaluation = evaluation};
}

static dm_val guided(dm_emit *e, dm_val evaluation, dm_val x, dm_val x0, dm_val unmapped, const dm_node *at,
                     int32_t space)
{
	dm_val v = dm_emit_linear(e, 2, (dm_term[]){{1, x}, {1, x0}});
	if (!v)
		return 0;
	struct dmi_value *value = &e->value[v - 1];
	value->kind = DMI_GUIDED;
	value->of = evaluation;
	value->unmapped = unmapped;
	value->at = *at;
	value->space = space;
	return v;
}

dm_val dmi_guide_evaluate(dm_emit *e, dm_val x, const dm_node *at, const dm_node *to, int32_t space)
{
	const dm_guidance *g = e->guidance;
	dm_guide guide = view(e, at, x, 0);
	dm_val seen = x;
	for (int32_t i = 0; i < g->n_stage; i++)
		call(e, i, g->stage[i].ops.before, &guide, &seen);
	if (e->error.status != DM_OK)
		return 0;
	e->inner = 1;
	dm_val evaluation = dmi_emit_prediction(e, seen, x, at, to, DM_SPACE_X0), x0 = evaluation, unmapped = evaluation;
	e->inner = 0;
	guide.evaluation = evaluation;
	e->evaluation = e->evaluation ? e->evaluation : evaluation;
	for (int32_t i = 0; i < g->n_stage; i++) {
		const struct dmi_stage *stage = &g->stage[i];
		if (stage->type && stage->type->map)
			x0 = map(e, stage->type, stage->options.value, at, x0);
		dm_val given = x0;
		call(e, i, stage->ops.after, &guide, &x0);
		unmapped = x0 != given ? x0 : unmapped;
	}
	return e->error.status == DM_OK ? guided(e, evaluation, x, x0, unmapped, at, space) : 0;
}

dm_val dmi_guide_view(dm_emit *e, dm_val v, int32_t space, int unmapped)
{
	const struct dmi_value *value = &e->value[v - 1];
	const dm_term *term = &e->term[value->first_term];
	return guided(e, value->of, term[0].value, unmapped ? value->unmapped : term[1].value, value->unmapped, &value->at,
	              space);
}

void dmi_guide_state(dm_emit *e, const dm_node *to)
{
	const dm_guidance *g = e->guidance;
	dm_guide guide = view(e, to, e->state, e->evaluation);
	guide.variance = dmi_own_noise(e);
	for (int32_t i = 0; i < g->n_stage; i++)
		call(e, i, g->stage[i].ops.state, &guide, &e->state);
}

/* ------------------------------------------------------------------------------------- what the stages may ask for */

/* Only a stage of a guidance may ask. */
static int inside(dm_emit *e, const char *what)
{
	if (e && e->error.status == DM_OK && !e->inner)
		dmi_fail(&e->error, DM_ERR_SAMPLER, "sampler: %s is for stages of a guidance", what);
	return e && e->error.status == DM_OK;
}

static int is_evaluation(dm_emit *e, dm_val v, const char *what)
{
	if (inside(e, what) && dmi_emit_defined(e, v, what) && e->value[v - 1].kind != DMI_PREDICTION)
		dmi_fail(&e->error, DM_ERR_SAMPLER, "guidance: %s: value %d is not the evaluation", what, v);
	return e && e->error.status == DM_OK;
}

dm_val dm_emit_branch(dm_emit *e, dm_val evaluation, const dm_branch *branch)
{
	if (!is_evaluation(e, evaluation, "dm_emit_branch"))
		return 0;
	if (!branch) {
		dmi_fail(&e->error, DM_ERR_ARGUMENT, "guidance: dm_emit_branch: branch is NULL");
		return 0;
	}
	dm_val v = dmi_emit_define(e, DMI_PART);
	if (v) {
		e->value[v - 1].of = evaluation;
		e->value[v - 1].part = DMI_PART_BRANCH;
		e->value[v - 1].space = DM_SPACE_X0;
		e->value[v - 1].branch = *branch;
	}
	return v;
}

dm_val dm_emit_vjp(dm_emit *e, dm_val evaluation, dm_val cotangent)
{
	static const double none[4];
	if (!is_evaluation(e, evaluation, "dm_emit_vjp"))
		return 0;
	dm_val v = dmi_emit_over(e, DMI_VJP, 1, 1, &cotangent, 0, none, "dm_emit_vjp");
	if (v) {
		e->value[v - 1].of = evaluation;
		e->value[v - 1].stage = e->stage;
	}
	return v;
}

dm_val dm_emit_gradient(dm_emit *e, dm_val x, const dm_node *at, int32_t target)
{
	if (!at && is_evaluation(e, x, "dm_emit_gradient")) {
		at = &e->value[x - 1].at;
		x = e->value[x - 1].asked;
	}
	if (!inside(e, "dm_emit_gradient") || !dmi_emit_defined(e, x, "dm_emit_gradient") ||
	    !dmi_emit_node_is_good(e, at, "dm_emit_gradient"))
		return 0;
	dm_val v = dmi_emit_define(e, DMI_GRADIENT);
	if (v) {
		e->value[v - 1].of = x;
		e->value[v - 1].at = *at;
		e->value[v - 1].rule = target;
		e->value[v - 1].stage = e->stage;
	}
	return v;
}

dm_val dm_emit_bound(dm_emit *e, int32_t which)
{
	if (!inside(e, "dm_emit_bound"))
		return 0;
	if (which < 0 || which >= DM_BOUND_MEASUREMENT) {
		dmi_fail(&e->error, DM_ERR_ARGUMENT, "guidance: dm_emit_bound: which = %d must be 0 to %d", which,
		         DM_BOUND_MEASUREMENT - 1);
		return 0;
	}
	dm_val v = dmi_emit_define(e, DMI_BOUND);
	if (v)
		e->value[v - 1].rule = which;
	return v;
}

static dm_val operate(dm_emit *e, int32_t what, int32_t n, const dm_val *value, const double parameter[4],
                      const char *name)
{
	static const double none[4];
	if (!inside(e, name))
		return 0;
	if (!e->guidance->op)
		dmi_fail(&e->error, DM_ERR_ARGUMENT, "guidance: a stage asks for the operator and there is none");
	else if (what < DM_OPERATOR_RESIDUAL || what > DM_OPERATOR_DIVIDED || (what == DM_OPERATOR_DIVIDED) != (n == 2))
		dmi_fail(&e->error, DM_ERR_ARGUMENT, "guidance: %s: what = %d is none of DM_OPERATOR_... of %d values", name,
		         what, n);
	return dmi_emit_over(e, DMI_OPERATED, n, 2, value, what, parameter ? parameter : none, name);
}

dm_val dm_emit_operator(dm_emit *e, int32_t what, dm_val x, const double parameter[4])
{
	return operate(e, what, 1, &x, parameter, "dm_emit_operator");
}

dm_val dm_emit_operator_by(dm_emit *e, int32_t what, dm_val x, dm_val by, const double parameter[4])
{
	return operate(e, what, 2, (dm_val[]){x, by}, parameter, "dm_emit_operator_by");
}

dm_val dm_emit_renoise(dm_emit *e, int32_t tag, int32_t fixed)
{
	uint32_t draw;
	if (!inside(e, "dm_emit_renoise") ||
	    dm_draw(DM_DRAW_RENOISE, fixed ? 0 : 1 + e->visit + e->step, tag, &draw, &e->error) != DM_OK)
		return 0;
	dm_val v = dmi_emit_define(e, DMI_NOISE);
	if (v)
		e->value[v - 1].draw = draw;
	return v;
}
