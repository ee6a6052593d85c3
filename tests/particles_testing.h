/* What the tests of particles share: a world of mixtures, callers of several minds, and the outcome of a whole chain. */
#ifndef PARTICLES_TESTING_H
#define PARTICLES_TESTING_H

#include "inverse_testing.h"
#include "schedule_testing.h"

enum { MAX_ROW = 8192, MAX_NODE = 300 };

/* How a caller answers gradient requests. */
enum { EXACT, WRONG, CONSTANT, RECORDED };

struct scene {
	struct world w;
	int way, at_state;
	int calls, fail_at, fail_code;
	int spoil_at,
	    spoil_kind;     /* call whose answer has a NaN (1), is not there (2), has no log_value (3), NaN there (4) */
	dm_particles *busy; /* called back into */
	int without_vjp, without_gradient, by_steps;
	const char *schedule, *grid, *kind;
	double value[MAX_NODE][MAX_ROW / 64]; /* RECORDED: what was answered at every node */
};

static const struct prior three = {3,
                                   {0.3, 0.5, 0.2},
                                   {{1.2, 0, -0.5, 0.4}, {-1, 0.6, 0.3, -0.8}, {0.2, -1.2, 0.8, 0.5}},
                                   {{0.4, 0.3, 0.5, 0.35}, {0.35, 0.5, 0.3, 0.4}, {0.5, 0.3, 0.4, 0.3}}};

static inline struct scene scene(void)
{
	struct scene s = {.w = {.prior = &three,
	                        .n_seen = 2,
	                        .a = {{1, 0.5, 0, 0.2}, {0, -0.4, 1, 0.3}},
	                        .y = {0.25, 0.1},
	                        .noise = 0.7,
	                        .kind = "epsilon"}};
	return s;
}

/* ln p(y | x0) and its gradient. */
static inline double likelihood(const struct world *w, const double *x0, double *gradient)
{
	double value = -0.5 * w->n_seen * log(2 * acos(-1) * w->noise * w->noise);
	memset(gradient, 0, DIM * sizeof *gradient);
	for (int i = 0; i < w->n_seen; i++) {
		double rest = w->y[i];
		for (int j = 0; j < DIM; j++)
			rest -= w->a[i][j] * x0[j];
		value -= 0.5 * pow(rest / w->noise, 2);
		for (int j = 0; j < DIM; j++)
			gradient[j] += w->a[i][j] * rest / (w->noise * w->noise);
	}
	return value;
}

/* ---------------------------------------------------------------------------------------------------------- caller */

/* Before the last node WRONG believes in another measurement and another noise, and its gradient has another sign. */
static inline double twisted(struct scene *s, const dm_request *rq, size_t row, double *gradient)
{
	double x[DIM];
	int last = rq->step == rq->n_step;
	struct world w = s->w;
	double root = s->at_state && !last && w.input == SCALED ? sqrt(0.25 + rq->sigma[0] * rq->sigma[0]) : 1;
	for (size_t j = 0; j < DIM; j++)
		x[j] = root * get(rq->x, rq->x_type, row * rq->x_stride + j);
	memset(gradient, 0, DIM * sizeof *gradient);
	if (s->way == CONSTANT)
		return 1.5;
	if (s->way == RECORDED)
		return s->value[rq->step][row] =
		           0.5 * (double)(1 + rq->step % 4) * sin((double)(1 + row) * (double)(rq->step + 2));
	if (s->way == WRONG && !last) {
		w.y[0] += 0.5;
		w.noise = 1.5;
	}
	double value = likelihood(&w, x, gradient);
	for (int j = 0; j < DIM; j++)
		gradient[j] *= s->way == WRONG ? -0.1 * root : root;
	return value;
}

static inline void answer_twist(struct scene *s, const dm_request *rq)
{
	int last = rq->step == rq->n_step;
	assert_true(rq->n_branch == 0 && rq->target == 3 && rq->log_value != NULL);
	if (!s->at_state || last)
		assert_true(rq->alpha[0] == 1 && rq->sigma[0] == 0 && rq->time[0] == 0);
	else
		assert_true(rq->sigma[0] > 0 && rq->time[0] > 0);
	for (size_t i = 0; i < rq->n_sample; i++) {
		double gradient[DIM];
		rq->log_value[i] = twisted(s, rq, i, gradient);
		for (size_t j = 0; j < DIM; j++)
			put(rq->out[0], rq->out_type, i * rq->out_stride + j, gradient[j]);
	}
}

static inline dm_status reply(void *user, const dm_request *rq)
{
	struct scene *s = user;
	if (s->busy) {
		const dm_request *again;
		dm_error error;
		assert_int_equal(dm_particles_next(s->busy, &again, &error), DM_ERR_BUSY);
		assert_int_equal(dm_particles_all(s->busy, &error), DM_ERR_BUSY);
	}
	if (++s->calls == s->fail_at) {
		strcpy(rq->error->message, "no power");
		return s->fail_code;
	}
	int spoil = s->calls == s->spoil_at ? s->spoil_kind : 0;
	if (spoil == 2)
		return 0;
	if (rq->kind == DM_ASK_GRADIENT)
		answer_twist(s, rq);
	else
		answer(&s->w, rq);
	if (spoil == 1)
		put(rq->out[0], rq->out_type, rq->out_stride + 1, NAN);
	if (spoil >= 3 && rq->log_value)
		memset(&rq->log_value[1], spoil == 3 ? 0xff : 0x7f, sizeof(double));
	if (spoil == 4 && rq->log_value)
		rq->log_value[1] = INFINITY;
	return 0;
}

/* ------------------------------------------------------------------------------------------------------- objects */

struct parts {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_model *model;
	dm_operator *op;
};

static inline struct parts parts_of(struct scene *s)
{
	struct parts p;
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = reply, .vjp = reply, .gradient = reply};
	if (s->without_vjp)
		ops.vjp = NULL;
	if (s->without_gradient)
		ops.gradient = NULL;
	if (s->by_steps)
		ops.predict = NULL;
	if (s->kind)
		s->w.kind = s->kind;
	DO(dm_schedule_create(&p.schedule, s->schedule ? s->schedule : "vp", NULL, err));
	DO(dm_grid_create(&p.grid, p.schedule, s->grid ? s->grid : "log_snr:steps=6,final=zero", NULL, err));
	DO(dm_model_create(&p.model, s->w.kind, &ops, s, NULL, err));
	DO(dm_operator_create_matrix(&p.op, s->w.a[0], (size_t)s->w.n_seen, DIM, NULL, err));
	return p;
}

static inline void free_parts(struct parts *p)
{
	dm_operator_free(p->op);
	dm_model_free(p->model);
	dm_grid_free(p->grid);
	dm_schedule_free(p->schedule);
}

/* by_operator: the measurement of the world; else by requests. */
static inline dm_particles *make(struct scene *s, int by_operator, const char *options, size_t n_group,
                                 size_t n_particle)
{
	dm_particles *particles;
	struct parts p = parts_of(s);
	DO(dm_particles_create(&particles, p.schedule, p.grid, p.model, by_operator ? p.op : NULL,
	                       by_operator ? s->w.y : NULL, by_operator ? (size_t)s->w.n_seen : 0, options, DM_F64, n_group,
	                       n_particle, DIM, NULL, err));
	free_parts(&p);
	return particles;
}

struct outcome {
	double x[MAX_ROW * DIM], weight[MAX_ROW], log_evidence[MAX_ROW / 2], ess[MAX_NODE * 32];
	int32_t ancestor[MAX_NODE * MAX_ROW / 4];
	size_t n_node;
};

static inline struct outcome *read_outcome(dm_particles *particles, size_t n_node)
{
	struct outcome *o = calloc(1, sizeof *o);
	assert_non_null(o);
	o->n_node = n_node;
	DO(dm_particles_state(particles, o->x, DM_F64, err));
	DO(dm_particles_weights(particles, o->weight, o->log_evidence, err));
	if (n_node)
		DO(dm_particles_history(particles, o->ess, o->ancestor, n_node, err));
	dm_particles_free(particles);
	return o;
}

static inline struct outcome *sample(struct scene *s, int by_operator, const char *options, size_t n_group,
                                     size_t n_particle, size_t n_node)
{
	dm_particles *particles = make(s, by_operator, options, n_group, n_particle);
	DO(dm_particles_all(particles, err));
	return read_outcome(particles, n_node);
}

static inline void check_outcomes(const char *what, const struct outcome *a, const struct outcome *b, size_t n_group,
                                  size_t n_particle)
{
	check_same(what, a->x, b->x, n_group * n_particle * DIM, 0);
	check_same(what, a->weight, b->weight, n_group * n_particle, 0);
	check_same(what, a->log_evidence, b->log_evidence, n_group, 0);
}

#endif
