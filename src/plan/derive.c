/* x0(x) = sum_k w_k (a x + b net_k(s x)) is linear in the network's outputs, s the scale of its input, so
 *
 *     J^T u = a sum_k w_k u + b s sum_k w_k J_k^T u
 *
 * with J_k the Jacobian of the network on branch k, which the caller multiplies. */
#include "base/compiler.h"
#include "plan/derive.h"
#include "base/error.h"
#include "base/math.h"
#include "plan/expr.h"
#include "plan/flush.h"

enum { MAX_BRANCH = DM_GUIDANCE_MAX_BRANCH };

/* The branches of the evaluation that count, and their weights. */
static dm_status branches(struct dmi_compiler *c, const dm_node *at, int32_t stage, dm_branch *branch, double *weight,
                          int32_t *n, dm_error *err)
{
	int32_t all;
	const char *without = dmi_guidance_without_jacobian(c->guidance);
	if (without)
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "guidance \"%s\": it needs the Jacobian of the prediction, and none is had through \"%s\", which "
		    "weighs branches by statistics or after the evaluation",
		    c->guidance->stage[stage - 1].name, without);
	dm_status st = dmi_guidance_branches(c->guidance, at, branch, &all, err);
	if (st == DM_OK)
		st = dmi_guidance_weights(c->guidance, at, branch, all, NULL, weight, err);
	*n = 0;
	for (int32_t b = 0; st == DM_OK && b < all; b++)
		if (weight[b] != 0) {
			branch[*n] = branch[b];
			weight[(*n)++] = weight[b];
		}
	return st;
}

/* Adds the row of a request over the model's input, for a stage of the guidance. */
static dm_status ask(struct dmi_compiler *c, int32_t kind, int32_t stage, const dm_node *at, const dm_node *to,
                     const dm_branch *branch, int32_t n, int32_t target, dm_error *err)
{
	dm_operand in[2] = {{.slot = DM_SLOT_INPUT, .draw_ordinal = -1}, {.slot = DM_SLOT_COTANGENT, .draw_ordinal = -1}};
	int32_t out[MAX_BRANCH] = {DM_SLOT_GRADIENT};
	dm_row row = {.struct_size = sizeof row, .kind = kind, .step = c->step, .n_in = 1, .n_out = 1, .map = target};
	if (kind == DM_ROW_VJP) {
		row.n_in = 2;
		row.n_out = row.n_branch = n;
		for (int32_t b = 0; b < n; b++)
			out[b] = DM_SLOT_OUT + b;
	}
	row.in = in;
	row.out = out;
	row.at = at;
	row.to = to;
	row.branch = branch;
	c->n_vjp += kind == DM_ROW_VJP;
	c->n_gradient += kind == DM_ROW_GRADIENT;
	int32_t *first = kind == DM_ROW_VJP ? &c->vjp_stage : &c->gradient_stage;
	*first = *first ? *first : stage;
	return dmi_program_add(c->program, &row, 0, 0, err);
}

static dm_status add_answer(struct dmi_compiler *c, int32_t slot, double factor, struct dmi_expr *out, dm_error *err)
{
	struct dmi_expr one;
	int32_t base = dmi_base_slot(c, slot, err);
	if (base < 0)
		return DM_ERR_SAMPLER;
	dmi_expr_of(&one, base);
	dmi_expr_add(out, factor, &one);
	return DM_OK;
}

/* The node with the time that the model receives, and the scale of its input there. */
static dm_status locate(const struct dmi_compiler *c, dm_node *at, double *scale, dm_error *err)
{
	*scale = dmi_model_input_scale(c->model, at);
	if (!dmi_is_finite(*scale))
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "model: its input x / alpha has no meaning at alpha = 0 (sigma = %g)",
		                at->sigma);
	return dm_model_time(c->model, c->schedule, at, &at->time, err);
}

dm_status dmi_derive_vjp(struct dmi_compiler *c, int32_t i, dm_error *err)
{
	const struct dmi_value *v = &c->emit.value[i], *evaluation = &c->emit.value[v->of - 1];
	dm_val cotangent = c->emit.term[v->first_term].value;
	dm_branch branch[2 * MAX_BRANCH];
	double weight[MAX_BRANCH + DMI_MAX_GUIDE_KEPT], row[2];
	dm_node at = evaluation->at, to = evaluation->to;
	int two_times = dmi_model_has_two_times(c->model);
	struct dmi_level level;
	struct dmi_flush f = {.input = evaluation->of, .cotangent = cotangent, .buffers = dmi_base_buffers(c)};
	int32_t n = 0;
	double sum = 0;
	dm_status st = locate(c, &at, &f.scale, err);
	if (st == DM_OK && two_times)
		st = dm_model_time(c->model, c->schedule, &to, &to.time, err);
	if (st == DM_OK)
		st = branches(c, &evaluation->at, v->stage, branch, weight, &n, err);
	if (st != DM_OK)
		return st;
	for (int32_t b = 0; b < n; b++)
		sum += weight[b];
	dmi_model_level(c->model, c->schedule, &evaluation->at, &level);
	dmi_prediction_row(c->model->kind, DM_SPACE_X0, &level, row);
	if (!dmi_is_finite(row[0]) || !dmi_is_finite(row[1]))
		return dmi_model_fail_level(c->model, c->schedule, &at, "x0", err);
	st = dmi_flush(c, &f, i - 1, err);
	if (st == DM_OK)
		st = ask(c, DM_ROW_VJP, v->stage, &at, two_times ? &to : NULL, branch, n, 0, err);
	dmi_expr_zero(&c->expr[i]);
	dmi_expr_add(&c->expr[i], row[0] * sum, &c->expr[cotangent - 1]);
	for (int32_t b = 0; st == DM_OK && b < n; b++)
		st = add_answer(c, DM_SLOT_OUT + b, row[1] * f.scale * weight[b], &c->expr[i], err);
	return st;
}

dm_status dmi_derive_gradient(struct dmi_compiler *c, int32_t i, dm_error *err)
{
	const struct dmi_value *v = &c->emit.value[i];
	dm_node at = v->at;
	int32_t held = dmi_base_of_slot(c, DM_SLOT_GRADIENT);
	struct dmi_flush f = {.input = v->of, .buffers = held >= 0 ? (uint64_t)1 << held : 0};
	dm_status st = at.sigma > 0 ? locate(c, &at, &f.scale, err) : DM_OK;
	if (at.sigma == 0) { /* a clean sample is no input of the network: it is shown as it is */
		f.scale = 1;
		at.time = 0;
	}
	if (st == DM_OK)
		st = dmi_flush(c, &f, i - 1, err);
	if (st == DM_OK)
		st = ask(c, DM_ROW_GRADIENT, v->stage, &at, NULL, NULL, 0, v->rule, err);
	dmi_expr_zero(&c->expr[i]);
	return st == DM_OK ? add_answer(c, DM_SLOT_GRADIENT, f.scale, &c->expr[i], err) : st;
}
