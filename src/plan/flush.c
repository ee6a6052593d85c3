#include "base/compiler.h"
#include "plan/flush.h"
#include "plan/expr.h"
#include "base/error.h"
#include <string.h>

enum { MAX_OUT = DMI_SLOT_END + 3 + DMI_MAX_GUIDE_KEPT }; /* no more arrays can stand at once */

struct job {
	int32_t n, too_many;
	const struct dmi_expr *out[MAX_OUT];
	int32_t slot[MAX_OUT]; /* -1: not yet chosen */
};

int32_t dmi_gather(struct dmi_compiler *c, int32_t n, const struct dmi_expr *const *expr, dm_operand *in,
                   double *coefficient)
{
	int32_t n_in = 0, k = 0;
	uint64_t used = 0;
	for (int32_t o = 0; o < n; o++)
		used |= expr[o]->used;
	for (uint64_t left = used; left;) {
		int32_t i = dmi_take_lowest(&left);
		dmi_base_number(c, i);
		in[n_in++] = dmi_base_operand(c, i);
	}
	for (int32_t o = 0; o < n; o++)
		for (uint64_t left = used; left;) {
			int32_t i = dmi_take_lowest(&left);
			coefficient[k++] = expr[o]->used >> i & 1 ? expr[o]->c[i] : 0;
		}
	return n_in;
}

dm_status dmi_write(struct dmi_compiler *c, int32_t n, const struct dmi_expr *const *expr, const int32_t *slot,
                    dm_error *err)
{
	dm_operand in[DMI_MAX_BASE];
	double coefficient[MAX_OUT * DMI_MAX_BASE];
	int32_t n_in = dmi_gather(c, n, expr, in, coefficient);
	dm_row row = {.struct_size = sizeof row, .kind = DM_ROW_COMBINE, .step = c->step, .n_in = n_in, .n_out = n};
	row.in = in;
	row.out = slot;
	row.coefficient = coefficient;
	return n ? dmi_program_add(c->program, &row, (size_t)n * (size_t)n_in, 0, err) : DM_OK;
}

dm_status dmi_weigh(struct dmi_compiler *c, int32_t n, const struct dmi_expr *const *value, dm_row *stats, dm_row *sum,
                    dm_error *err)
{
	enum { MAX = DM_GUIDANCE_MAX_BRANCH + DMI_MAX_GUIDE_KEPT };
	dm_operand in[DMI_MAX_BASE];
	double matrix[MAX * DMI_MAX_BASE];
	int32_t nowhere[MAX];
	for (int32_t i = 0; i < n; i++)
		nowhere[i] = -1;
	stats->struct_size = sum->struct_size = sizeof *stats;
	stats->step = sum->step = c->step;
	stats->n_in = sum->n_in = dmi_gather(c, n, value, in, matrix);
	stats->in = sum->in = in;
	stats->n_out = n;
	stats->out = nowhere;
	stats->coefficient = sum->coefficient = matrix;
	dm_status st = dmi_program_add(c->program, stats, (size_t)n * (size_t)stats->n_in, stats->parameter ? 4 : 0, err);
	return st == DM_OK ? dmi_program_add(c->program, sum, (size_t)n * (size_t)sum->n_in, 0, err) : st;
}

/* A place in the job for a value that must be written; equal expressions share one. */
static int32_t place(struct job *job, const struct dmi_expr *expr)
{
	for (int32_t o = 0; o < job->n; o++)
		if (job->slot[o] < 0 && dmi_expr_equal(job->out[o], expr))
			return o;
	if (job->n == MAX_OUT) {
		job->too_many = 1;
		return 0;
	}
	job->out[job->n] = expr;
	job->slot[job->n] = -1;
	return job->n++;
}

/* What stands where after the job: at[i] is the output that value i becomes, -1 if it stays as it is. */
struct outcome {
	int32_t at[DMI_MAX_VALUE], x0_at, guide_at[DMI_MAX_GUIDE_KEPT], n_value;
	uint64_t stay; /* bases that are still needed */
};

/* Parts of an evaluation exist from the evaluation on, wherever the sampler asks for them. */
static int exists(const dm_emit *e, int32_t i, int32_t now)
{
	const struct dmi_value *v = &e->value[i];
	return i <= now || (v->kind == DMI_PART && v->of - 1 <= now);
}

static void choose(struct dmi_compiler *c, const struct dmi_flush *f, int32_t now, uint64_t lost, struct job *job,
                   struct outcome *o)
{
	o->n_value = c->emit.n_value;
	o->stay = 0;
	for (int32_t i = 0; i < o->n_value; i++) {
		o->at[i] = -1;
		if (!exists(&c->emit, i, now) || c->emit.value[i].last_use <= now)
			continue;
		if (f->input == i + 1 && c->identity && job->n && job->slot[0] == DM_SLOT_INPUT)
			o->at[i] = 0;
		else if ((c->expr[i].used & lost) || (f->force[i] && dmi_expr_single(&c->expr[i]) < 0))
			o->at[i] = place(job, &c->expr[i]);
		else
			o->stay |= c->expr[i].used;
	}
	o->x0_at = c->x0.used & lost ? place(job, &c->x0) : -1;
	if (o->x0_at < 0)
		o->stay |= c->x0.used;
	for (int32_t k = 0; k < DMI_MAX_GUIDE_KEPT; k++) {
		o->guide_at[k] = c->guide_kept[k].used & lost ? place(job, &c->guide_kept[k]) : -1;
		if (o->guide_at[k] < 0)
			o->stay |= c->guide_kept[k].used;
	}
	for (uint64_t left = c->held; left;) { /* the caller's arrays are there for the whole run */
		int32_t i = dmi_take_lowest(&left);
		if (c->base[i].kind == DMI_BASE_SLOT && c->base[i].slot >= DM_SLOT_BOUND)
			o->stay |= (uint64_t)1 << i;
	}
}

/* Gives the outputs their slots and bases (base[o]; -1 for what only the model reads). */
static dm_status settle(struct dmi_compiler *c, struct job *job, int32_t *base, dm_error *err)
{
	for (int32_t o = 0; o < job->n; o++) {
		base[o] = -1;
		if ((job->slot[o] == DM_SLOT_INPUT && !c->identity) || job->slot[o] == DM_SLOT_COTANGENT)
			continue;
		if (job->slot[o] < 0)
			job->slot[o] = dmi_free_slot(c);
		base[o] = dmi_base_slot(c, job->slot[o], err);
		if (base[o] < 0)
			return DM_ERR_SAMPLER;
	}
	return DM_OK;
}

dm_status dmi_flush(struct dmi_compiler *c, const struct dmi_flush *f, int32_t now, dm_error *err)
{
	struct job job = {.n = 0};
	struct outcome outcome;
	struct dmi_expr input;
	uint64_t lost = f->buffers;
	int32_t held = dmi_base_of_slot(c, DM_SLOT_INPUT), base[MAX_OUT];
	int stands = f->input && c->identity && held >= 0 && dmi_expr_single(&c->expr[f->input - 1]) == held;
	if (f->input && !stands) {
		dmi_expr_zero(&input);
		dmi_expr_add(&input, f->scale, &c->expr[f->input - 1]);
		job.out[job.n] = &input;
		job.slot[job.n++] = DM_SLOT_INPUT;
		if (held >= 0)
			lost |= (uint64_t)1 << held;
	}
	if (f->cotangent) {
		job.out[job.n] = &c->expr[f->cotangent - 1];
		job.slot[job.n++] = DM_SLOT_COTANGENT;
	}
	choose(c, f, now, lost, &job, &outcome);
	if (job.too_many)
		return dmi_fail(err, DM_ERR_SAMPLER, "plan: one step needs more than %d arrays at once", MAX_OUT);

	/* The row reads the bases as they are before, its outputs take the slots that are free after. */
	struct dmi_base before[DMI_MAX_BASE], after[DMI_MAX_BASE];
	uint64_t held_before = c->held, held_after;
	memcpy(before, c->base, sizeof before);
	dmi_base_keep_only(c, outcome.stay);
	dm_status st = settle(c, &job, base, err);
	memcpy(after, c->base, sizeof after);
	memcpy(c->base, before, sizeof before);
	held_after = c->held;
	c->held = held_before;
	if (st == DM_OK)
		st = dmi_write(c, job.n, job.out, job.slot, err);
	for (uint64_t left = held_after; left;) {
		int32_t i = dmi_take_lowest(&left);
		if (after[i].kind == DMI_BASE_DRAW) /* a draw that stays keeps the ordinal it may just have got */
			after[i].ordinal = c->base[i].ordinal;
	}
	memcpy(c->base, after, sizeof after);
	c->held = held_after;
	for (int32_t i = 0; i < outcome.n_value; i++)
		if (outcome.at[i] >= 0)
			dmi_expr_of(&c->expr[i], base[outcome.at[i]]);
	if (outcome.x0_at >= 0)
		dmi_expr_of(&c->x0, base[outcome.x0_at]);
	for (int32_t k = 0; k < DMI_MAX_GUIDE_KEPT; k++)
		if (outcome.guide_at[k] >= 0)
			dmi_expr_of(&c->guide_kept[k], base[outcome.guide_at[k]]);
	return st;
}
