#include "base/compiler.h"
#include "chain/chain.h"
#include "base/error.h"
#include <math.h>

static const double one = 1;

/* ---------------------------------------------------------------------------------------------------------- set-up */

dm_status dmi_chain_setup(struct dmi_chain *c, dm_error *err)
{
	const struct dmi_asker *a = &c->ask;
	enum { MAX_NODE = 1 << 24 }; /* the visits of a draw */
	size_t n = dm_grid_count(a->grid);
	if (n < 2 || n > MAX_NODE)
		return dmi_fail(err, a->grid ? DM_ERR_OVERFLOW : DM_ERR_ARGUMENT,
		                "%s: grid is NULL or has %z nodes, not 2 to %d", a->type->name, n, MAX_NODE);
	for (size_t i = 0; i + 1 < n; i++) {
		const dm_node *t = dm_grid_node(a->grid, i), *s = dm_grid_node(a->grid, i + 1);
		double mean[2], variance;
		if (!(t->sigma > 0) || dm_posterior(t, s, mean, &variance, NULL) != DM_OK)
			return dmi_fail(err, DM_ERR_ARGUMENT,
			                "%s: the noise of the grid must fall, but goes from sigma/alpha = %g at node %z to %g",
			                a->type->name, t->sigma / t->alpha, i, s->sigma / s->alpha);
	}
	c->n_step = n - 1;
	return DM_OK;
}

void dmi_chain_place(struct dmi_chain *c)
{
	struct dmi_asker *a = &c->ask;
	c->step = dmi_arena_take(&a->arena, c->n_step, sizeof *c->step);
	c->x = dmi_ask_take_rows(a, a->n_element, DM_F64);
	c->x_next = dmi_ask_take_rows(a, a->n_element, DM_F64);
	c->x0 = dmi_ask_take_rows(a, a->n_element, DM_F64);
}

void dmi_chain_begin(struct dmi_chain *c)
{
	for (size_t i = 0; i < c->n_step; i++) {
		double mean[2], variance;
		/* the nodes were checked */
		(void)dm_posterior(dm_grid_node(c->ask.grid, i), dm_grid_node(c->ask.grid, i + 1), mean, &variance, NULL);
		c->step[i] = (struct dmi_chain_step){mean[0], mean[1], sqrt(variance)};
	}
	c->ask.rq.n_step = (int64_t)c->n_step;
}

const dm_node *dmi_chain_node(const struct dmi_chain *c)
{
	return dm_grid_node(c->ask.grid, c->at);
}

/* -------------------------------------------------------------------------------------------------------- requests */

/* All rows of the request: `factor` times rows of an array. */
static void show(struct dmi_chain *c, double *array, double factor)
{
	struct dmi_asker *a = &c->ask;
	for (size_t i = 0; i < a->n_sample; i++)
		a->row[i] = i;
	dmi_ask_rows(a, a->n_sample, 1);
	a->rq.step = (int64_t)c->at;
	for (size_t i = 0; i < a->n_sample; i++) {
		const dm_input in = dmi_row(dmi_chain_row(c, array, i));
		dmi_row_sum(a, i, 1, &in, &factor, dmi_ask_input(a, i), a->rq.x_type);
	}
}

/* States of a node, as the model reads them. */
static dm_status show_states(struct dmi_chain *c, double *array, const dm_node *at, double *scale, dm_error *err)
{
	dm_status st = dmi_ask_scale(&c->ask, at, scale, err);
	if (st == DM_OK)
		st = dmi_ask_node(&c->ask, 0, at, err);
	if (st == DM_OK)
		show(c, array, *scale);
	return st;
}

static dm_status show_state(struct dmi_chain *c, dm_error *err)
{
	return show_states(c, c->x, dmi_chain_node(c), &c->scale, err);
}

dm_status dmi_chain_ask_prediction(struct dmi_chain *c, dm_error *err)
{
	dm_status st = dmi_ask_decode(&c->ask, DM_SPACE_X0, dmi_chain_node(c), c->row, err);
	if (st == DM_OK)
		st = show_state(c, err);
	return st == DM_OK ? dmi_ask_make(&c->ask, DM_ASK_PREDICTION) : st;
}

dm_status dmi_chain_ask_gradient(struct dmi_chain *c, int32_t of_x0, int32_t target, dm_error *err)
{
	struct dmi_asker *a = &c->ask;
	int last = c->at == c->n_step;
	dm_status st = DM_OK;
	if (!of_x0 && !last) {
		st = show_state(c, err);
	} else {
		show(c, last ? c->x : c->x0, one);
		a->alpha[0] = 1;
		a->sigma[0] = a->time[0] = 0;
	}
	a->rq.target = target;
	return st == DM_OK ? dmi_ask_make(a, DM_ASK_GRADIENT) : st;
}

dm_status dmi_chain_ask_value(struct dmi_chain *c, int32_t target, dm_error *err)
{
	double scale;
	dm_status st = show_states(c, c->x_next, dm_grid_node(c->ask.grid, c->at + 1), &scale, err);
	c->ask.rq.target = target;
	return st == DM_OK ? dmi_ask_make(&c->ask, DM_ASK_VALUE) : st;
}

dm_status dmi_chain_ask_vjp(struct dmi_chain *c, double *array, dm_error *err)
{
	struct dmi_asker *a = &c->ask;
	dm_status st = show_state(c, err);
	for (size_t i = 0; st == DM_OK && i < a->n_sample; i++) {
		const dm_input in = dmi_row(dmi_chain_row(c, array, i));
		dmi_row_sum(a, i, 1, &in, &one, dmi_ask_cotangent(a, i), a->rq.out_type);
	}
	return st == DM_OK ? dmi_ask_make(a, DM_ASK_VJP) : st;
}

/* --------------------------------------------------------------------------------------------------------- answers */

void dmi_chain_take_prediction(struct dmi_chain *c)
{
	for (size_t i = 0; i < c->ask.n_sample; i++) {
		const dm_input in[2] = {dmi_row(dmi_chain_row(c, c->x, i)), dmi_ask_answer(&c->ask, i)};
		dmi_row_sum(&c->ask, i, 2, in, c->row, dmi_chain_row(c, c->x0, i), DM_F64);
	}
}

void dmi_chain_take_gradient(struct dmi_chain *c, int32_t of_x0, double *array)
{
	double factor = of_x0 || c->at == c->n_step ? 1 : c->scale;
	for (size_t i = 0; i < c->ask.n_sample; i++) {
		const dm_input in = dmi_ask_answer(&c->ask, i);
		dmi_row_sum(&c->ask, i, 1, &in, &factor, dmi_chain_row(c, array, i), DM_F64);
	}
}

/* Of x0 = row[0] x + row[1] out(scale x); the cotangent that was sent is the one rounded to its type. */
void dmi_chain_take_vjp(struct dmi_chain *c, double *array)
{
	const double row[2] = {c->row[0], c->row[1] * c->scale};
	for (size_t i = 0; i < c->ask.n_sample; i++) {
		const dm_input in[2] = {{.data = dmi_ask_cotangent(&c->ask, i), .type = c->ask.rq.out_type},
		                        dmi_ask_answer(&c->ask, i)};
		dmi_row_sum(&c->ask, i, 2, in, row, dmi_chain_row(c, array, i), DM_F64);
	}
}

dm_status dmi_chain_state(const struct dmi_chain *c, const char *call, void *out, int32_t type, dm_error *err)
{
	dm_status st = dmi_ask_late(c, call, err);
	if (st != DM_OK)
		return st;
	if (!out || (type != DM_F32 && type != DM_F64))
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: out must not be NULL, type (%d) must be DM_F32 (1) or DM_F64 (2)",
		                call, type);
	for (size_t i = 0; i < c->ask.n_sample; i++) {
		const dm_input in = dmi_row(dmi_chain_row(c, c->x, i));
		dmi_row_sum(&c->ask, i, 1, &in, &one, (char *)out + i * c->ask.n_element * dmi_type_size(type), type);
	}
	return DM_OK;
}
