#include "base/compiler.h"
#include "base/math.h"
#include "plan/predict.h"
#include "base/error.h"
#include "plan/expr.h"
#include "plan/flush.h"
#include <math.h>
#include <string.h>

enum { MAX_BRANCH = DM_GUIDANCE_MAX_BRANCH, MAX_VALUE = MAX_BRANCH + DMI_MAX_GUIDE_KEPT };

/* One evaluation while its views are made. */
struct evaluation {
	const dm_node *at;
	struct dmi_expr x, raw; /* the value evaluated; the guided raw output (linear guidance only) */
	double weight_sum;
	struct dmi_expr guided;             /* x0 after combination, before maps; where it stands in an array */
	struct dmi_expr mapped;             /* x0 after the maps */
	struct dmi_expr unguided, variance; /* raw output of the branch without condition; second output */
	int in_array, n_map;                /* guided and mapped are in use; number of maps */
	int32_t n;                          /* branches, and the bases of their outputs */
	dm_branch branch[MAX_BRANCH];
	int32_t base[MAX_BRANCH];
};

static dm_status meaningless(const struct dmi_compiler *c, const dm_node *at, int32_t space, dm_error *err)
{
	static const char *const names[] = {"raw output", "x0", "epsilon", "v", "score"};
	return dmi_model_fail_level(c->model, c->schedule, at, names[space], err);
}

/* out = row[0] x + row[1] raw. */
static dm_status from_raw(const struct dmi_compiler *c, const struct evaluation *ev, int32_t space,
                          struct dmi_expr *out, dm_error *err)
{
	double row[2];
	struct dmi_level level;
	dmi_model_level(c->model, c->schedule, ev->at, &level);
	dmi_prediction_row(c->model->kind, space, &level, row);
	if (!dmi_is_finite(row[0]) || !dmi_is_finite(row[1]))
		return meaningless(c, ev->at, space, err);
	dmi_expr_zero(out);
	dmi_expr_add(out, row[0] * (space == DM_SPACE_RAW ? 1 : ev->weight_sum), &ev->x);
	dmi_expr_add(out, row[1], &ev->raw);
	return DM_OK;
}

/* The other spaces from an x0 that stands in an array (or whose weights do not add up to 1): epsilon = (x - alpha x0) /
 * sigma. */
static dm_status from_x0(const struct dmi_compiler *c, const struct evaluation *ev, const struct dmi_expr *x0,
                         int32_t space, struct dmi_expr *out, dm_error *err)
{
	double row[3], sigma = ev->at->sigma;
	struct dmi_level level;
	dmi_model_level(c->model, c->schedule, ev->at, &level);
	dmi_space_encode(c->model->kind, space, &level, row);
	if (row[2] != 0 && sigma == 0)
		return meaningless(c, ev->at, space, err);
	dmi_expr_zero(out);
	dmi_expr_add(out, row[0] + (row[2] != 0 ? row[2] / sigma : 0), &ev->x);
	dmi_expr_add(out, row[1] - (row[2] != 0 ? row[2] * ev->at->alpha / sigma : 0), x0);
	return DM_OK;
}

/* The x0 of one branch. */
static dm_status branch_x0(const struct dmi_compiler *c, const struct evaluation *ev, int32_t b, struct dmi_expr *out,
                           dm_error *err)
{
	struct evaluation one = {.at = ev->at, .x = ev->x, .weight_sum = 1};
	dmi_expr_of(&one.raw, ev->base[b]);
	return from_raw(c, &one, DM_SPACE_X0, out, err);
}

static dm_status named_branch(const struct dmi_compiler *c, const struct evaluation *ev, const dm_branch *branch,
                              struct dmi_expr *out, dm_error *err)
{
	for (int32_t b = 0; b < ev->n; b++)
		if (!memcmp(&ev->branch[b], branch, sizeof *branch))
			return branch_x0(c, ev, b, out, err);
	return dmi_fail(
	    err, DM_ERR_UNSUPPORTED,
	    "guidance: a stage reads branch {model %d, condition %d, perturbation %d}, which it did not ask for",
	    branch->model, branch->condition, branch->perturbation);
}

static dm_status view(const struct dmi_compiler *c, const struct evaluation *ev, int32_t part, int32_t space,
                      struct dmi_expr *out, dm_error *err)
{
	struct dmi_expr x0;
	struct evaluation one;
	if (part == DM_PART_VARIANCE) {
		*out = ev->variance;
		return DM_OK;
	}
	if (part == DM_PART_UNGUIDED) {
		one.at = ev->at;
		one.x = ev->x;
		one.raw = ev->unguided;
		one.weight_sum = 1;
		return from_raw(c, &one, space, out, err);
	}
	int mapped = part == DM_PART_PREDICTION && ev->n_map && space != DM_SPACE_RAW;
	if (mapped || ev->in_array == 2)
		return from_x0(c, ev, mapped ? &ev->mapped : &ev->guided, space, out, err);
	if (space == DM_SPACE_RAW || space == DM_SPACE_X0 || fabs(ev->weight_sum - 1) <= 1e-12)
		return from_raw(c, ev, space, out, err);
	dm_status st = from_raw(c, ev, DM_SPACE_X0, &x0, err);
	return st == DM_OK ? from_x0(c, ev, &x0, space, out, err) : st;
}

/* Adds a row whose coefficients stand in an array of n_number. */
static dm_status add_row(struct dmi_compiler *c, dm_row *row, const double *coefficient, size_t n_number,
                         const double *parameter, size_t n_parameter, dm_error *err)
{
	row->struct_size = sizeof *row;
	row->step = c->step;
	row->coefficient = coefficient;
	row->parameter = parameter;
	return dmi_program_add(c->program, row, n_number, n_parameter, err);
}

/* in[1], where there is one, is the slot of the state that the model's input was made from. */
static dm_status eval_row(struct dmi_compiler *c, dm_val x, const dm_node *at, const dm_node *to,
                          const dm_branch *branch, int32_t n, dm_error *err)
{
	dm_operand in[2] = {{.slot = DM_SLOT_INPUT, .draw_ordinal = -1}, {.slot = DM_SLOT_INPUT, .draw_ordinal = -1}};
	int32_t base = dmi_expr_single(&c->expr[x - 1]);
	int32_t out[2 * MAX_BRANCH], n_out = 0;
	for (int32_t b = 0; b < n; b++)
		out[n_out++] = DM_SLOT_OUT + b;
	for (int32_t b = 0; b < n && dmi_model_has_variance(c->model); b++)
		out[n_out++] = DM_SLOT_VARIANCE + b;
	dm_row row = {.kind = DM_ROW_EVAL, .n_in = 1, .n_out = n_out, .n_branch = n};
	if (!c->identity && base >= 0 && c->base[base].kind == DMI_BASE_SLOT)
		in[row.n_in++].slot = c->base[base].slot;
	row.in = in;
	row.out = out;
	row.at = at;
	row.to = to;
	row.branch = branch;
	c->n_eval++;
	c->n_branch_eval += n;
	return add_row(c, &row, NULL, 0, NULL, 0, err);
}

/* The x0 of all branches, then what the guidance kept. */
static dm_status values(const struct dmi_compiler *c, const struct evaluation *ev, struct dmi_expr *value,
                        dm_error *err)
{
	dm_status st = DM_OK;
	for (int32_t b = 0; st == DM_OK && b < ev->n; b++)
		st = branch_x0(c, ev, b, &value[b], err);
	for (int32_t k = 0; k < dmi_guidance_kept(c->guidance); k++)
		value[ev->n + k] = c->guide_kept[k];
	return st;
}

/* What the guidance keeps for the next evaluation. */
static dm_status keep(struct dmi_compiler *c, const struct evaluation *ev, const struct dmi_expr *value, dm_error *err)
{
	int32_t n_kept = dmi_guidance_kept(c->guidance);
	double weight[MAX_VALUE];
	dm_status st = DM_OK;
	for (int32_t k = 0; st == DM_OK && k < n_kept; k++) {
		st = dmi_guidance_keep(c->guidance, k, ev->at, ev->branch, ev->n, weight, err);
		dmi_expr_zero(&c->guide_kept[k]);
		for (int32_t i = 0; st == DM_OK && i < ev->n + n_kept; i++)
			dmi_expr_add(&c->guide_kept[k], weight[i], &value[i]);
	}
	return st;
}

/* The guided x0 into a slot: directly, or with weights that follow from the statistics of branches and kept values. */
static dm_status store_guided(struct dmi_compiler *c, struct evaluation *ev, int32_t slot, int needs_stats,
                              dm_error *err)
{
	struct dmi_expr value[MAX_VALUE];
	const struct dmi_expr *p[MAX_VALUE];
	int32_t n = ev->n + dmi_guidance_kept(c->guidance);
	if (!needs_stats) {
		p[0] = value;
		dm_status st = from_raw(c, ev, DM_SPACE_X0, &value[0], err);
		return st == DM_OK ? dmi_write(c, 1, p, &slot, err) : st;
	}
	for (int32_t i = 0; i < n; i++)
		p[i] = &value[i];
	dm_row stats = {.kind = DM_ROW_STATS, .n_branch = ev->n, .branch = ev->branch, .at = ev->at};
	dm_row sum = {.kind = DM_ROW_COMBINE, .weighted = 1, .n_out = 1};
	sum.out = &slot;
	dm_status st = values(c, ev, value, err);
	if (st == DM_OK)
		st = dmi_weigh(c, n, p, &stats, &sum, err);
	return st == DM_OK ? keep(c, ev, value, err) : st;
}

/* Applies the maps: the first one into a slot of its own where the unmapped x0 is still wanted. */
static dm_status store_mapped(struct dmi_compiler *c, struct evaluation *ev, int keep_guided, dm_error *err)
{
	double parameter[4];
	int32_t from = c->base[dmi_expr_single(&ev->guided)].slot, to = from, map;
	ev->mapped = ev->guided;
	for (int32_t k = 0; (map = dmi_guidance_map(c->guidance, ev->at, k, parameter)) != 0; k++, from = to) {
		if (k == 0 && keep_guided) {
			to = dmi_free_slot(c);
			int32_t base = dmi_base_slot(c, to, err);
			if (base < 0)
				return DM_ERR_SAMPLER;
			dmi_expr_of(&ev->mapped, base);
		}
		dm_operand in = {.slot = from, .draw_ordinal = -1};
		dm_row row = {.kind = DM_ROW_MAP, .map = map, .n_in = 1, .n_out = 1, .in = &in, .out = &to};
		dm_status st = add_row(c, &row, NULL, 0, parameter, 4, err);
		if (st != DM_OK)
			return st;
	}
	return DM_OK;
}

/* Whether some part of the evaluation with index k is asked for. */
static int wants(const struct dmi_compiler *c, int32_t k, int32_t part)
{
	int wanted = 0;
	for (int32_t i = k + 1; i < c->emit.n_value; i++)
		wanted |= c->emit.value[i].kind == DMI_PART && c->emit.value[i].of == k + 1 && c->emit.value[i].part == part;
	return wanted;
}

/* Where the guidance is not linear, the guided x0 (and the mapped one) are made at once. */
static dm_status store(struct dmi_compiler *c, struct evaluation *ev, int32_t k, int needs_stats, dm_error *err)
{
	int32_t slot = dmi_free_slot(c);
	dm_status st = store_guided(c, ev, slot, needs_stats, err);
	int32_t base = st == DM_OK ? dmi_base_slot(c, slot, err) : -1;
	if (base < 0)
		return st != DM_OK ? st : DM_ERR_SAMPLER;
	dmi_expr_of(&ev->guided, base);
	ev->in_array = needs_stats ? 2 : 1;
	return ev->n_map ? store_mapped(c, ev, needs_stats && wants(c, k, DM_PART_UNMAPPED), err) : DM_OK;
}

/* The guided raw output and the sum of the weights, for linear guidance. */
static dm_status combine_linear(struct dmi_compiler *c, struct evaluation *ev, dm_error *err)
{
	double weight[MAX_BRANCH];
	dm_status st = dmi_guidance_weights(c->guidance, ev->at, ev->branch, ev->n, NULL, weight, err);
	dmi_expr_zero(&ev->raw);
	ev->weight_sum = 0;
	for (int32_t b = 0; st == DM_OK && b < ev->n; b++) {
		struct dmi_expr one;
		dmi_expr_of(&one, ev->base[b]);
		dmi_expr_add(&ev->raw, weight[b], &one);
		ev->weight_sum += weight[b];
	}
	return st;
}

/* What the caller said the network knows. */
static dm_status check_declared(const struct dmi_compiler *c, const dm_branch *branch, int32_t n, dm_error *err)
{
	static const char *const names[] = {"model", "condition", "perturbation"};
	static const int32_t options[] = {DMI_MODEL_MODELS, DMI_MODEL_CONDITIONS, DMI_MODEL_PERTURBATIONS};
	for (int32_t b = 0; b < n; b++) {
		const int32_t number[] = {branch[b].model, branch[b].condition, branch[b].perturbation};
		for (int i = 0; i < 3; i++) { /* number 0 of each is always there; perturbations are counted without it */
			double declared = c->model->options.value[options[i]];
			double last = options[i] == DMI_MODEL_PERTURBATIONS ? declared : fmax(declared - 1, 0);
			if (declared >= 0 && number[i] > last)
				return dmi_fail(err, DM_ERR_UNSUPPORTED, "guidance: it needs %s %d, the model declares %ss=%g",
				                names[i], number[i], names[i], declared);
		}
	}
	return DM_OK;
}

/* The branches of the guidance, and the one without condition where a part of it is asked for. */
static dm_status list_branches(struct dmi_compiler *c, int32_t k, const dm_node *at, dm_branch *branch, int32_t *n,
                               int32_t *unguided, dm_error *err)
{
	dm_status st = dmi_guidance_branches(c->guidance, at, branch, n, err);
	*unguided = -1;
	if (st != DM_OK || !wants(c, k, DM_PART_UNGUIDED))
		return st;
	for (int32_t b = 0; b < *n; b++)
		if (branch[b].model == 0 && branch[b].condition == DM_CONDITION_NONE && branch[b].perturbation == 0)
			*unguided = b;
	if (*unguided >= 0)
		return DM_OK;
	if (*n == MAX_BRANCH)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "guidance: no branch is left for the prediction without condition");
	*unguided = *n;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	return DM_OK;
}

/* The second output of the first branch. */
static dm_status take_variance(struct dmi_compiler *c, struct evaluation *ev, dm_error *err)
{
	if (!dmi_model_has_variance(c->model))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "sampler \"%s\": a learned variance needs a model with a second output "
		                "(option variance=1)",
		                c->sampler->name);
	int32_t base = dmi_base_slot(c, DM_SLOT_VARIANCE, err);
	if (base < 0)
		return DM_ERR_SAMPLER;
	dmi_expr_of(&ev->variance, base);
	return DM_OK;
}

static dm_status views(struct dmi_compiler *c, const struct evaluation *ev, int32_t k, dm_error *err)
{
	dm_status st = view(c, ev, DM_PART_PREDICTION, c->emit.value[k].space, &c->expr[k], err);
	for (int32_t i = k + 1; st == DM_OK && i < c->emit.n_value; i++) {
		const struct dmi_value *v = &c->emit.value[i];
		if (v->kind == DMI_PART && v->of == k + 1)
			st = v->part == DMI_PART_BRANCH ? named_branch(c, ev, &v->branch, &c->expr[i], err)
			                                : view(c, ev, v->part, v->space, &c->expr[i], err);
	}
	return st;
}

dm_status dmi_predict(struct dmi_compiler *c, int32_t k, dm_error *err)
{
	dm_node at = c->emit.value[k].at, to = c->emit.value[k].to;
	int two_times = dmi_model_has_two_times(c->model);
	dm_val x = c->emit.value[k].of;
	struct evaluation ev = {.at = &at, .weight_sum = 1};
	struct dmi_flush f = {.input = x, .scale = dmi_model_input_scale(c->model, &at), .buffers = dmi_base_buffers(c)};
	int32_t unguided;
	double unused[4];
	int needs_stats = dmi_guidance_needs_stats(c->guidance);
	while (!c->emit.guidance &&
	       dmi_guidance_map(c->guidance, &at, ev.n_map, unused)) /* stages that emit have them among them */
		ev.n_map++;
	if (!dmi_is_finite(f.scale))
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "model: its input x / alpha has no meaning at alpha = 0 (sigma = %g)",
		                at.sigma);
	f.force[x - 1] = needs_stats && !c->identity;
	dm_status st = list_branches(c, k, &at, ev.branch, &ev.n, &unguided, err);
	if (st == DM_OK)
		st = check_declared(c, ev.branch, ev.n, err);
	if (st == DM_OK)
		st = dm_model_time(c->model, c->schedule, &at, &at.time, err);
	if (st == DM_OK && two_times)
		st = dm_model_time(c->model, c->schedule, &to, &to.time, err);
	if (st == DM_OK)
		st = dmi_flush(c, &f, k - 1, err);
	if (st == DM_OK)
		st = eval_row(c, x, &at, two_times ? &to : NULL, ev.branch, ev.n, err);
	for (int32_t b = 0; st == DM_OK && b < ev.n; b++) {
		ev.base[b] = dmi_base_slot(c, DM_SLOT_OUT + b, err);
		st = ev.base[b] < 0 ? DM_ERR_SAMPLER : DM_OK;
	}
	if (st != DM_OK)
		return st;
	ev.x = c->expr[x - 1];
	if (unguided >= 0)
		dmi_expr_of(&ev.unguided, ev.base[unguided]);
	if (wants(c, k, DM_PART_VARIANCE))
		st = take_variance(c, &ev, err);
	if (st != DM_OK)
		return st;
	if (!needs_stats)
		st = combine_linear(c, &ev, err);
	if (st == DM_OK && (needs_stats || ev.n_map))
		st = store(c, &ev, k, needs_stats, err);
	return st == DM_OK ? views(c, &ev, k, err) : st;
}

dm_status dmi_view_guided(struct dmi_compiler *c, int32_t i, dm_error *err)
{
	const struct dmi_value *v = &c->emit.value[i];
	const dm_term *term = &c->emit.term[v->first_term];
	struct evaluation ev = {.at = &v->at, .x = c->expr[term[0].value - 1]};
	return from_x0(c, &ev, &c->expr[term[1].value - 1], v->space, &c->expr[i], err);
}
