#include "base/compiler.h"
#include "plan/values.h"
#include "base/error.h"
#include "plan/derive.h"
#include "plan/expr.h"
#include "plan/flush.h"
#include "plan/predict.h"

/* The inputs of a map or of statistics, each in an array of its own or a draw. */
static dm_status stand(struct dmi_compiler *c, int32_t i, dm_operand *in, dm_error *err)
{
	const struct dmi_value *v = &c->emit.value[i];
	struct dmi_flush f = {.buffers = 0};
	for (int32_t t = 0; t < v->n_term; t++)
		f.force[c->emit.term[v->first_term + t].value - 1] = 1;
	dm_status st = dmi_flush(c, &f, i - 1, err);
	for (int32_t t = 0; st == DM_OK && t < v->n_term; t++) {
		int32_t base = dmi_expr_single(&c->expr[c->emit.term[v->first_term + t].value - 1]);
		dmi_base_number(c, base);
		in[t] = dmi_base_operand(c, base);
	}
	return st;
}

/* Value i stands in the array that a row has just written. */
static dm_status result(struct dmi_compiler *c, int32_t i, int32_t slot, dm_error *err)
{
	int32_t base = dmi_base_slot(c, slot, err);
	if (base < 0)
		return DM_ERR_SAMPLER;
	dmi_expr_of(&c->expr[i], base);
	return DM_OK;
}

/* Maps of the library, and what the guidance's operator makes of a value. */
static dm_status map_value(struct dmi_compiler *c, int32_t i, dm_error *err)
{
	const struct dmi_value *v = &c->emit.value[i];
	dm_operand in[DMI_MAX_INPUT];
	dm_status st = stand(c, i, in, err);
	int32_t slot = dmi_free_slot(c);
	dm_row row = {
	    .struct_size = sizeof row, .kind = DM_ROW_MAP, .step = c->step, .map = v->rule, .n_in = v->n_term, .n_out = 1};
	row.in = in;
	row.out = &slot;
	row.parameter = v->parameter;
	row.stage = v->kind == DMI_OPERATED;
	if (st == DM_OK)
		st = dmi_program_add(c->program, &row, 0, 4, err);
	return st == DM_OK ? result(c, i, slot, err) : st;
}

/* An array of the caller's, which stands in its slot for the whole run. */
static dm_status bound_value(struct dmi_compiler *c, int32_t i, dm_error *err)
{
	int32_t slot = DM_SLOT_BOUND + c->emit.value[i].rule, base = dmi_base_of_slot(c, slot);
	if (base < 0)
		base = dmi_base_slot(c, slot, err);
	if (base >= 0)
		dmi_expr_of(&c->expr[i], base);
	return base < 0 ? DM_ERR_SAMPLER : DM_OK;
}

static dm_status linear_value(struct dmi_compiler *c, int32_t i, dm_error *err)
{
	const dm_emit *e = &c->emit;
	const struct dmi_value *v = &e->value[i];
	struct dmi_expr sum;
	(void)err;
	dmi_expr_zero(&sum);
	for (int32_t t = v->first_term; t < v->first_term + v->n_term; t++)
		dmi_expr_add(&sum, e->term[t].coefficient, &c->expr[e->term[t].value - 1]);
	c->expr[i] = sum;
	return DM_OK;
}

static dm_status noise_value(struct dmi_compiler *c, int32_t i, dm_error *err)
{
	int32_t base = dmi_base_draw(c, c->emit.value[i].draw, c->emit.value[i].parameter, err);
	if (base >= 0)
		dmi_expr_of(&c->expr[i], base);
	return base < 0 ? DM_ERR_SAMPLER : DM_OK;
}

/* Statistics of the values, and the sum with the weights that the rule makes of them. */
static dm_status weigh_value(struct dmi_compiler *c, int32_t i, dm_error *err)
{
	const struct dmi_value *v = &c->emit.value[i];
	const struct dmi_expr *value[DMI_MAX_INPUT];
	int32_t slot;
	for (int32_t k = 0; k < v->n_term; k++)
		value[k] = &c->expr[c->emit.term[v->first_term + k].value - 1];
	dm_row stats = {.kind = DM_ROW_STATS, .map = v->rule, .stage = v->stage};
	stats.parameter = v->parameter;
	dm_row sum = {.kind = DM_ROW_COMBINE, .weighted = 1, .n_out = 1};
	sum.out = &slot;
	slot = dmi_free_slot(c);
	dm_status st = dmi_weigh(c, v->n_term, value, &stats, &sum, err);
	return st == DM_OK ? result(c, i, slot, err) : st;
}

dm_status dmi_values(struct dmi_compiler *c, dm_error *err)
{
	static dm_status (*const table[])(struct dmi_compiler *, int32_t, dm_error *) = {
	    [DMI_LINEAR] = linear_value,    [DMI_NOISE] = noise_value,
	    [DMI_PREDICTION] = dmi_predict, [DMI_MAPPED] = map_value,
	    [DMI_WEIGHTED] = weigh_value,   [DMI_GUIDED] = dmi_view_guided,
	    [DMI_VJP] = dmi_derive_vjp,     [DMI_GRADIENT] = dmi_derive_gradient,
	    [DMI_BOUND] = bound_value,      [DMI_OPERATED] = map_value,
	};
	for (int32_t i = 0; i < c->emit.n_value; i++) {
		int32_t kind = c->emit.value[i].kind;
		if (kind == DMI_ENTRY || kind == DMI_PART) /* which stand already, or are set with their evaluation */
			continue;
		if (kind == DMI_WEIGHTED && !c->emit.value[i].stage && !c->sampler->ops.weights)
			return dmi_fail(err, DM_ERR_SAMPLER, "sampler \"%s\": dm_emit_weighted needs weights()", c->sampler->name);
		dm_status st = table[kind](c, i, err);
		if (st != DM_OK)
			return st;
	}
	return DM_OK;
}
