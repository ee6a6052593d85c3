#include "base/compiler.h"
#include "plan/compile.h"
#include "base/error.h"
#include "plan/expr.h"
#include "plan/flush.h"
#include "plan/interval.h"
#include "plan/values.h"
#include <math.h>
#include <string.h>

/* What the next interval starts from. */
static void carry(struct dmi_compiler *c, int32_t kept_set)
{
	const dm_emit *e = &c->emit;
	for (int32_t i = 0; i < e->n_push; i++) {
		memmove(c->past + 1, c->past, (DMI_MAX_PAST - 1) * sizeof *c->past);
		memmove(c->past_expr + 1, c->past_expr, (DMI_MAX_PAST - 1) * sizeof *c->past_expr);
		c->past[0] = e->push[i];
		c->past_expr[0] = c->expr[e->push[i].prediction - 1];
	}
	dm_val entry = 2;
	for (int32_t i = 0; i < c->n_past; i++, entry++) /* those that stay may have moved to other slots */
		if (i + e->n_push < DMI_MAX_PAST)
			c->past_expr[i + e->n_push] = c->expr[entry - 1];
	c->n_past += e->n_push;
	if (c->n_past > c->sampler->ops.n_past)
		c->n_past = c->sampler->ops.n_past;
	for (int32_t k = 0; k < e->n_kept; k++) {
		if (e->keep[k])
			c->kept[k] = c->expr[e->keep[k] - 1];
		else if (kept_set >> k & 1)
			c->kept[k] = c->expr[entry - 1];
		entry += kept_set >> k & 1;
		c->kept_set |= e->keep[k] ? 1 << k : 0;
	}
	c->state = c->expr[e->state - 1];
}

static uint64_t bases_carried(const struct dmi_compiler *c)
{
	uint64_t used = c->state.used | c->x0.used;
	for (int32_t k = 0; k < DMI_MAX_GUIDE_KEPT; k++)
		used |= c->guide_kept[k].used;
	for (int32_t i = 0; i < c->n_past; i++)
		used |= c->past_expr[i].used;
	for (int32_t k = 0; k < c->sampler->ops.n_kept; k++)
		if (c->kept_set >> k & 1)
			used |= c->kept[k].used;
	return used;
}

/* The row that ends a step; the state stands in a slot. */
static dm_status step_row(struct dmi_compiler *c, dm_error *err)
{
	dm_operand in[2] = {{.slot = c->base[dmi_expr_single(&c->state)].slot, .draw_ordinal = -1}, {.draw_ordinal = -1}};
	dm_row row = {.struct_size = sizeof row, .kind = DM_ROW_STEP, .step = c->step, .n_in = 1};
	row.in = in;
	if (c->has_x0)
		in[row.n_in++].slot = c->base[dmi_expr_single(&c->x0)].slot;
	return dmi_program_add(c->program, &row, 0, 0, err);
}

/* The history is not wanted any more; kept values where they are left to the caller. kept: those given to the step. */
static void forget(const struct dmi_compiler *c, dm_emit *e, const dm_val *kept, struct dmi_flush *f)
{
	for (int32_t k = 0; c->kept_left && k < e->n_kept; k++)
		if (e->keep[k] || kept[k])
			f->force[(e->keep[k] ? e->keep[k] : kept[k]) - 1] = 1;
	for (int32_t i = 0; i < e->n_value; i++)
		if (e->value[i].last_use == DMI_MAX_VALUE && i != e->state - 1 && !f->force[i])
			e->value[i].last_use = -1;
}

/* Values that nothing forces into an array (predictions already in arrays, as maps leave them, are never lost) would be
 * sums over more and more arrays: where what lives on reads several arrays more than it has values, each is written. */
static dm_status gather_in(struct dmi_compiler *c, dm_error *err)
{
	const dm_emit *e = &c->emit;
	struct dmi_flush f = {.scale = 1};
	uint64_t used = 0;
	int32_t more = -2;
	for (int32_t i = 0; i < e->n_value; i++)
		if (e->value[i].last_use == DMI_MAX_VALUE) {
			used |= c->expr[i].used;
			f.force[i] = 1;
			more--;
		}
	while (used) {
		int32_t i = dmi_take_lowest(&used);
		more += c->base[i].kind == DMI_BASE_SLOT && c->base[i].slot >= DM_SLOT_STATE;
	}
	return more > 0 ? dmi_flush(c, &f, e->n_value - 1, err) : DM_OK;
}

static dm_status end_step(struct dmi_compiler *c, int last, const dm_val *kept, dm_val preview, dm_error *err)
{
	dm_emit *e = &c->emit;
	if (preview) {
		c->x0 = c->expr[preview - 1];
		c->has_x0 = 1;
	}
	if (!last && !c->step_rows)
		return gather_in(c, err);
	struct dmi_flush f = {.input = c->identity ? e->state : 0, .scale = 1, .buffers = dmi_base_buffers(c)};
	if (last) {
		forget(c, e, kept, &f);
		memset(c->guide_kept, 0, sizeof c->guide_kept);
	}
	f.force[e->state - 1] = 1;
	if (c->has_x0 && dmi_expr_single(&c->x0) < 0)
		f.buffers |= c->x0.used; /* a preview is always in a slot */
	return dmi_flush(c, &f, e->n_value - 1, err);
}

dm_status dmi_compile_start(struct dmi_compiler *c, const dm_node *first, dm_error *err)
{
	c->identity = dmi_model_reads_state(c->model) && !c->adaptive;
	c->n_slot = DM_SLOT_STATE;
	c->step = -1;
	for (int i = 0; i < DMI_MAX_RECENT; i++)
		c->recent[i].ordinal = -1;
	dm_operand in = {.slot = -1, .draw_ordinal = -1}; /* the init draw of visit 0 has the number 0 */
	int32_t slot = c->identity ? DM_SLOT_INPUT : DM_SLOT_STATE;
	dm_row row = {.struct_size = sizeof row, .kind = DM_ROW_COMBINE, .step = -1, .n_in = 1, .n_out = 1};
	row.in = &in;
	row.out = &slot;
	row.coefficient = &first->sigma;
	row.at = first;
	if (c->check)
		dmi_check_start(c->check, c->schedule, first);
	int32_t base = dmi_base_slot(c, slot, err);
	dmi_expr_of(&c->state, base);
	for (int32_t k = 0; c->kept_given && k < c->sampler->ops.n_kept; k++) {
		dmi_expr_of(&c->kept[k], dmi_base_slot(c, dmi_free_slot(c), err));
		c->kept_set |= 1 << k;
	}
	return dmi_program_add(c->program, &row, 1, 0, err);
}

static void forget_history(struct dmi_compiler *c)
{
	c->n_past = c->kept_set = 0;
	if (c->check)
		c->check->n_past = 0;
}

/* From what was emitted to rows. */
static dm_status finish_interval(struct dmi_compiler *c, const dm_node *to, int last, int32_t n_past, int32_t kept_set,
                                 const dm_val *kept, dm_error *err)
{
	dm_val preview;
	dm_status st = dmi_interval_preview(c, &preview, err);
	if (st != DM_OK)
		return st;
	dmi_interval_mark_uses(c, n_past, kept_set, preview);
	c->departs |= c->emit.departs;
	if (c->check) {
		st = dmi_check_interval(c->check, &c->emit, c->model, to, kept_set, c->sampler->ops.n_past, err);
		st = dmi_interval_blame(c, st, c->check->is_lost, c->emit.from, to, err);
	}
	if (st == DM_OK)
		st = dmi_values(c, err);
	if (st == DM_OK)
		st = end_step(c, last, kept, preview, err);
	if (st != DM_OK) {
		if (err)
			err->step = c->step;
		return st;
	}
	carry(c, kept_set);
	if (last || c->step_rows)
		st = step_row(c, err);
	dmi_base_keep_only(c, last && !c->kept_left ? c->state.used | c->x0.used : bases_carried(c));
	return st;
}

dm_status dmi_compile_interval(struct dmi_compiler *c, int64_t step, const dm_node *from, const dm_node *to, int last,
                               dm_error *err)
{
	dm_past past[DMI_MAX_PAST];
	dm_val kept[DMI_MAX_KEPT];
	if (c->refine) /* what was predicted from the state as it was does not belong to what it is moved to */
		forget_history(c);
	int32_t n_past = c->n_past, kept_set = c->kept_set;
	dm_step s = {.step = step - c->visit, .n_step = c->n_step, .from = from, .to = to, .n_past = n_past, .past = past};
	s.kept = kept;
	s.grid = c->grid;
	c->step = step;
	dmi_interval_begin(c, n_past, kept_set, past, kept);
	dm_status st = dmi_interval_record(c, &s, err);
	return st == DM_OK ? finish_interval(c, to, last, n_past, kept_set, kept, err) : st;
}

/* The factors of a climb on state and noise. */
static dm_status climb_factors(struct dmi_compiler *c, const dm_node *from, const dm_node *to, double factor[2],
                               dm_error *err)
{
	double a = from->alpha > 0 ? to->alpha / from->alpha : 0;
	dm_node below, above;
	factor[0] = a;
	factor[1] = sqrt(fmax(to->sigma * to->sigma - a * a * from->sigma * from->sigma, 0));
	if (c->climb == 0)
		return DM_OK;
	dm_emit_departs(&c->emit, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dm_status st = dm_schedule_at_time(c->schedule, to->t - 1, &below, err);
	if (st == DM_OK)
		st = dm_schedule_at_time(c->schedule, to->t + c->climb - 1, &above, err);
	if (st != DM_OK)
		return st;
	factor[0] = above.alpha / below.alpha;
	factor[1] = sqrt(1 - factor[0] * factor[0]);
	return DM_OK;
}

dm_status dmi_compile_climb(struct dmi_compiler *c, int64_t step, const dm_node *from, const dm_node *to, int last,
                            dm_error *err)
{
	double factor[2];
	dm_val kept[DMI_MAX_KEPT];
	dm_emit *e = &c->emit;
	c->step = step;
	forget_history(c);
	memset(c->guide_kept, 0, sizeof c->guide_kept);
	dmi_interval_begin(c, 0, 0, NULL, kept);
	dm_val z = dmi_interval_fresh(e, 0);
	dm_status st = climb_factors(c, from, to, factor, err);
	if (st != DM_OK)
		return st;
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{factor[0], 1}, {factor[1], z}}));
	return finish_interval(c, to, last, 0, 0, kept, err);
}

/* ----------------------------------------------------------------------------------------------- an adaptive trial */

static void begin_trial(struct dmi_compiler *c, int32_t kept_set)
{
	dm_error unused;
	dmi_program_clear(c->program);
	dmi_base_keep_only(c, 0);
	dmi_expr_zero(&c->x0);
	c->has_x0 = 0;
	c->n_past = 0;
	c->n_draw = 0; /* draws are numbered within a trial */
	for (int i = 0; i < DMI_MAX_RECENT; i++)
		c->recent[i].ordinal = -1;
	c->kept_set = kept_set;
	dmi_expr_of(&c->state, dmi_base_slot(c, DM_SLOT_STATE, &unused));
	for (int32_t k = 0; k < c->sampler->ops.n_kept; k++) {
		int32_t base = dmi_base_slot(c, DM_SLOT_STATE + 1 + k, &unused); /* held even while it is not set */
		if (kept_set >> k & 1)
			dmi_expr_of(&c->kept[k], base);
	}
}

/* The sums high - low, low and reference, judged before anything is written. */
static dm_status error_row(struct dmi_compiler *c, dm_error *err)
{
	const dm_emit *e = &c->emit;
	dm_operand in[DMI_MAX_BASE];
	double coefficient[3 * DMI_MAX_BASE];
	const struct dmi_expr *expr[3];
	int32_t nowhere[3] = {-1, -1, -1};
	for (int i = 0; i < 3; i++)
		expr[i] = &c->expr[e->estimate[i] - 1];
	dm_row row = {.struct_size = sizeof row, .kind = DM_ROW_ERROR, .step = c->step, .n_out = 3};
	row.n_in = dmi_gather(c, 3, expr, in, coefficient);
	row.in = in;
	row.out = nowhere;
	row.coefficient = coefficient;
	row.parameter = e->tolerance;
	return dmi_program_add(c->program, &row, 3 * (size_t)row.n_in, 2, err);
}

/* What an accepted trial leaves, written to where the next one looks for it; the preview to a slot that is free. */
static dm_status accept_row(struct dmi_compiler *c, dm_val preview, dm_error *err)
{
	const dm_emit *e = &c->emit;
	const struct dmi_expr *out[2 + DMI_MAX_KEPT];
	int32_t slot[2 + DMI_MAX_KEPT], n = 0;
	out[n] = &c->expr[e->state - 1];
	slot[n++] = DM_SLOT_STATE;
	for (int32_t k = 0; k < e->n_kept; k++)
		if (e->keep[k]) {
			out[n] = &c->expr[e->keep[k] - 1];
			slot[n++] = DM_SLOT_STATE + 1 + k;
		}
	if (preview) {
		out[n] = &c->expr[preview - 1];
		slot[n++] = dmi_free_slot(c);
	}
	dm_status st = dmi_write(c, n, out, slot, err);
	int32_t base = st == DM_OK && preview ? dmi_base_slot(c, slot[n - 1], err) : 0;
	c->has_x0 = preview != 0;
	if (preview && base >= 0)
		dmi_expr_of(&c->x0, base);
	return base < 0 ? DM_ERR_SAMPLER : st;
}

dm_status dmi_compile_trial(struct dmi_compiler *c, int64_t trial, const dm_node *from, const dm_node *to,
                            const double *memory, int32_t kept_set, dm_error *err)
{
	dm_val kept[DMI_MAX_KEPT];
	dm_step s = {.step = trial, .n_step = -1, .from = from, .to = to, .kept = kept, .memory = memory};
	c->step = trial;
	begin_trial(c, kept_set);
	dmi_interval_begin(c, 0, kept_set, NULL, kept);
	dm_val preview;
	dm_status st = dmi_interval_record(c, &s, err);
	if (st == DM_OK)
		st = dmi_interval_preview(c, &preview, err);
	if (st != DM_OK)
		return st;
	c->most_value = c->emit.n_value > c->most_value ? c->emit.n_value : c->most_value;
	c->most_term = c->emit.n_term > c->most_term ? c->emit.n_term : c->most_term;
	dmi_interval_mark_uses(c, 0, kept_set, preview);
	c->departs |= c->emit.departs;
	if (c->check) {
		dmi_check_start(c->check, c->schedule, from);
		st = dmi_check_interval(c->check, &c->emit, c->model, to, 0, 0, err);
		st = dmi_interval_blame(c, st, c->check->is_lost, from, to, err);
	}
	if (st == DM_OK)
		st = dmi_values(c, err);
	if (st == DM_OK)
		st = error_row(c, err);
	if (st == DM_OK)
		st = accept_row(c, preview, err);
	if (st == DM_OK && c->step_rows) {
		dmi_expr_of(&c->state, dmi_base_of_slot(c, DM_SLOT_STATE));
		st = step_row(c, err);
	}
	dmi_program_seal(c->program);
	return st;
}
