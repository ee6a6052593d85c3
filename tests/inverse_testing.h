/* A world in which inverse problems have known answers: x0 from a mixture of normals with diagonal covariances in four
 * dimensions, y = A x0 + noise n; the denoiser, its transposed Jacobian and the posterior in closed form. */
#ifndef INVERSE_TESTING_H
#define INVERSE_TESTING_H

#include "run_testing.h"

enum { DIM = 4, MAX_PART = 3, MAX_SEEN = 4 };

struct prior {
	int n;
	double weight[MAX_PART], mean[MAX_PART][DIM], deviation[MAX_PART][DIM];
};

struct moments {
	double mean[DIM], covariance[DIM][DIM];
};

enum { STATE, SCALED, VE };

struct world {
	const struct prior *prior, *other; /* other: without condition; NULL: the same */
	int n_seen;
	double a[MAX_SEEN][DIM], y[MAX_SEEN], noise;
	const char *kind; /* what the network predicts */
	int input;        /* what it reads: STATE, or SCALED with sigma_data = 0.5, or VE */
	int n_predict, n_vjp, n_gradient;
	double last[DIM]; /* the first sample of the last prediction */
	int n_elsewhere;  /* products with a Jacobian that was not taken there */
	dm_status (*gradient)(const struct world *w, const double *x0, double *g);
};

/* Elements alike and not, and three clusters. */
static const struct prior even = {1, {1}, {{0.4, -0.2, 0.1, 0}}, {{0.7, 0.7, 0.7, 0.7}}};
static const struct prior uneven = {1, {1}, {{0.4, -0.2, 0.1, 0}}, {{0.3, 0.6, 1, 0.2}}};
static const struct prior mixture = {3,
                                     {0.5, 0.3, 0.2},
                                     {{1, 1, 0, -0.5}, {-1, 0.5, 0.6, 0.5}, {0, -1, -0.6, 0.2}},
                                     {{0.3, 0.3, 0.3, 0.3}, {0.2, 0.4, 0.3, 0.2}, {0.4, 0.2, 0.3, 0.5}}};

static inline struct world world_of(const struct prior *prior, const char *kind)
{
	return (struct world){.prior = prior,
	                      .kind = kind,
	                      .n_seen = 2,
	                      .a = {{1, 0.5, 0, 0.2}, {0, 0.3, 1, -0.4}},
	                      .y = {0.6, 0.2},
	                      .noise = 0.05};
}

/* ------------------------------------------------------------------------------------------------ closed forms */

static inline double square(double x)
{
	return x * x;
}

/* Adds a component of a mixture to its moments about 0. */
static inline void add_part(struct moments *all, double weight, const double *mean, double covariance[DIM][DIM])
{
	for (int i = 0; i < DIM; i++) {
		all->mean[i] += weight * mean[i];
		for (int j = 0; j < DIM; j++)
			all->covariance[i][j] += weight * (covariance[i][j] + mean[i] * mean[j]);
	}
}

static inline void centre(struct moments *all)
{
	for (int i = 0; i < DIM; i++)
		for (int j = 0; j < DIM; j++)
			all->covariance[i][j] -= all->mean[i] * all->mean[j];
}

/* exp of the logarithms, added up to 1. */
static inline void soften(double *log_weight, int n)
{
	double top = log_weight[0], sum = 0;
	for (int k = 1; k < n; k++)
		top = fmax(top, log_weight[k]);
	for (int k = 0; k < n; k++)
		sum += log_weight[k] = exp(log_weight[k] - top);
	for (int k = 0; k < n; k++)
		log_weight[k] /= sum;
}

/* Of x0 given x = alpha x0 + sigma epsilon. */
static inline struct moments given_state(const struct prior *p, const double *x, double alpha, double sigma)
{
	struct moments all = {{0}, {{0}}};
	double weight[MAX_PART] = {0};
	for (int k = 0; k < p->n; k++) {
		weight[k] = log(p->weight[k]);
		for (int i = 0; i < DIM; i++) {
			double variance = square(alpha * p->deviation[k][i]) + sigma * sigma, d = x[i] - alpha * p->mean[k][i];
			weight[k] -= 0.5 * (d * d / variance + log(variance));
		}
	}
	soften(weight, p->n);
	for (int k = 0; k < p->n; k++) {
		double mean[DIM], covariance[DIM][DIM] = {{0}};
		for (int i = 0; i < DIM; i++) {
			double own = square(p->deviation[k][i]), variance = alpha * alpha * own + sigma * sigma;
			mean[i] = p->mean[k][i] + alpha * own / variance * (x[i] - alpha * p->mean[k][i]);
			covariance[i][i] = own * sigma * sigma / variance;
		}
		add_part(&all, weight[k], mean, covariance);
	}
	centre(&all);
	return all;
}

/* Takes one measured number y = <a, x0> + noise n into normal moments; returns the logarithm of its density. */
static inline double condition(struct moments *m, const double *a, double y, double noise)
{
	double gain[DIM] = {0}, variance = noise * noise, rest = y;
	for (int i = 0; i < DIM; i++) {
		for (int j = 0; j < DIM; j++)
			gain[i] += m->covariance[i][j] * a[j];
		rest -= a[i] * m->mean[i];
	}
	for (int i = 0; i < DIM; i++)
		variance += a[i] * gain[i];
	for (int i = 0; i < DIM; i++) {
		m->mean[i] += gain[i] / variance * rest;
		for (int j = 0; j < DIM; j++)
			m->covariance[i][j] -= gain[i] * gain[j] / variance;
	}
	return -0.5 * (rest * rest / variance + log(variance));
}

/* Of x0 given y. */
static inline struct moments exact_posterior(const struct world *w)
{
	const struct prior *p = w->prior;
	struct moments all = {{0}, {{0}}}, part[MAX_PART];
	double weight[MAX_PART] = {0};
	memset(part, 0, sizeof part);
	for (int k = 0; k < p->n; k++) {
		weight[k] = log(p->weight[k]);
		memcpy(part[k].mean, p->mean[k], sizeof part[k].mean);
		for (int i = 0; i < DIM; i++)
			part[k].covariance[i][i] = square(p->deviation[k][i]);
		for (int i = 0; i < w->n_seen; i++)
			weight[k] += condition(&part[k], w->a[i], w->y[i], w->noise);
	}
	soften(weight, p->n);
	for (int k = 0; k < p->n; k++)
		add_part(&all, weight[k], part[k].mean, part[k].covariance);
	centre(&all);
	return all;
}

static inline struct moments measured(const double *x, size_t n)
{
	struct moments all = {{0}, {{0}}};
	double none[DIM][DIM] = {{0}};
	for (size_t s = 0; s < n; s++)
		add_part(&all, 1 / (double)n, x + s * DIM, none);
	centre(&all);
	return all;
}

/* sqrt of the mean square of A x - y over all samples. */
static inline double residual(const struct world *w, const double *x, size_t n)
{
	double sum = 0;
	for (size_t s = 0; s < n; s++)
		for (int i = 0; i < w->n_seen; i++) {
			double r = -w->y[i];
			for (int j = 0; j < DIM; j++)
				r += w->a[i][j] * x[s * DIM + (size_t)j];
			sum += r * r;
		}
	return sqrt(sum / (double)n / w->n_seen);
}

/* Distances of mean and covariance (Euclidean, Frobenius). */
static inline void distance(const struct moments *a, const struct moments *b, double out[2])
{
	double mean = 0, covariance = 0;
	for (int i = 0; i < DIM; i++) {
		mean += square(a->mean[i] - b->mean[i]);
		for (int j = 0; j < DIM; j++)
			covariance += square(a->covariance[i][j] - b->covariance[i][j]);
	}
	out[0] = sqrt(mean);
	out[1] = sqrt(covariance);
}

/* ----------------------------------------------------------------------------------------------------- the network */

struct place {
	double alpha, sigma, scale, x0[2], x[DIM]; /* x0 = x0[0] x + x0[1] output */
};

static inline struct place place_of(const struct world *w, const dm_request *rq, size_t s)
{
	size_t at = rq->n_time == 1 ? 0 : s;
	struct place p = {.alpha = rq->alpha[at], .sigma = rq->sigma[at], .scale = 1};
	if (w->input == SCALED)
		p.scale = 1 / sqrt(0.25 * p.alpha * p.alpha + p.sigma * p.sigma);
	else if (w->input == VE)
		p.scale = 1 / p.alpha;
	if (rq->kind == DM_ASK_GRADIENT)
		p.scale = 1;
	if (rq->kind != DM_ASK_GRADIENT)
		DO(dm_convert(w->kind, "x0", p.alpha, p.sigma, 0.5, p.x0, err));
	for (size_t i = 0; i < DIM; i++)
		p.x[i] = get(rq->x, rq->x_type, s * rq->x_stride + i) / p.scale;
	return p;
}

static inline const struct prior *prior_of(const struct world *w, const dm_branch *branch)
{
	return branch->condition == DM_CONDITION_NONE && w->other ? w->other : w->prior;
}

static inline void answer_prediction(struct world *w, const dm_request *rq)
{
	for (size_t s = 0; s < rq->n_sample; s++)
		for (int32_t b = 0; b < rq->n_branch; b++) {
			struct place p = place_of(w, rq, s);
			struct moments m = given_state(prior_of(w, &rq->branch[b]), p.x, p.alpha, p.sigma);
			for (size_t i = 0; i < DIM; i++)
				put(rq->out[b], rq->out_type, s * rq->out_stride + i, (m.mean[i] - p.x0[0] * p.x[i]) / p.x0[1]);
		}
	memcpy(w->last, place_of(w, rq, 0).x, sizeof w->last);
	w->n_predict++;
}

/* d x0 / d x = alpha / sigma^2 times the covariance (Tweedie), which is symmetric. */
static inline void answer_vjp(struct world *w, const dm_request *rq)
{
	for (size_t s = 0; s < rq->n_sample; s++)
		for (int32_t b = 0; b < rq->n_branch; b++) {
			struct place p = place_of(w, rq, s);
			struct moments m = given_state(prior_of(w, &rq->branch[b]), p.x, p.alpha, p.sigma);
			double u[DIM];
			for (size_t i = 0; i < DIM; i++)
				u[i] = get(rq->cotangent, rq->out_type, s * rq->out_stride + i);
			for (size_t i = 0; i < DIM; i++) {
				double sum = -p.x0[0] * u[i];
				for (int j = 0; j < DIM; j++)
					sum += p.alpha / (p.sigma * p.sigma) * m.covariance[i][j] * u[j];
				put(rq->out[b], rq->out_type, s * rq->out_stride + i, sum / p.x0[1] / p.scale);
			}
		}
	w->n_elsewhere += memcmp(w->last, place_of(w, rq, 0).x, sizeof w->last) != 0;
	w->n_vjp++;
}

static inline void answer_gradient(struct world *w, const dm_request *rq)
{
	assert_true(rq->alpha[0] == 1 && rq->sigma[0] == 0 && rq->time[0] == 0 && rq->target == 3);
	for (size_t s = 0; s < rq->n_sample; s++) {
		double x[DIM], g[DIM];
		for (size_t i = 0; i < DIM; i++)
			x[i] = get(rq->x, rq->x_type, s * rq->x_stride + i);
		assert_int_equal(w->gradient(w, x, g), DM_OK);
		for (size_t i = 0; i < DIM; i++)
			put(rq->out[0], rq->out_type, s * rq->out_stride + i, g[i]);
	}
	w->n_gradient++;
}

static inline dm_status answer(void *user, const dm_request *rq)
{
	if (rq->kind == DM_ASK_PREDICTION)
		answer_prediction(user, rq);
	else if (rq->kind == DM_ASK_VJP)
		answer_vjp(user, rq);
	else
		answer_gradient(user, rq);
	return DM_OK;
}

/* g = grad of -|y - A x|. */
static inline dm_status of_distance(const struct world *w, const double *x0, double *g)
{
	double rest[MAX_SEEN], size = 0;
	for (int k = 0; k < w->n_seen; k++) {
		rest[k] = w->y[k];
		for (int j = 0; j < DIM; j++)
			rest[k] -= w->a[k][j] * x0[j];
		size += square(rest[k]);
	}
	for (int j = 0; j < DIM; j++) {
		g[j] = 0;
		for (int k = 0; k < w->n_seen; k++)
			g[j] += w->a[k][j] * rest[k] / sqrt(size);
	}
	return DM_OK;
}

/* --------------------------------------------------------------------------------------------------------- a run */

struct task {
	const char *guidance, *sampler, *schedule, *grid, *model, *run; /* model: with options; NULL: the world's kind */
	int32_t dtype;                                                  /* 0: DM_F64 */
	int n, by_steps;                                                /* samples; the caller drives */
	const double *start;                                            /* states at the first node; NULL: noise */
	const char *plan;                                               /* options of the plan */
	int without_vjp, without_gradient;
	const dm_guidance *base; /* what the chain stands over; NULL: nothing */
};

static inline dm_status plan_task(dm_plan **plan, struct world *w, const struct task *t, dm_error *error)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = answer, .vjp = answer, .gradient = answer};
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_operator *op;
	dm_guidance *guidance = NULL;
	ops.predict = t->by_steps ? NULL : answer;
	ops.vjp = t->without_vjp ? NULL : answer;
	ops.gradient = t->without_gradient ? NULL : answer;
	*plan = NULL;
	DO(dm_schedule_create(&schedule, t->schedule ? t->schedule : "vp", NULL, err));
	DO(dm_grid_create(&grid, schedule, t->grid ? t->grid : "log_snr:steps=50", NULL, err));
	DO(dm_sampler_create(&sampler, t->sampler ? t->sampler : "ddim", NULL, err));
	DO(dm_model_create(&model, t->model ? t->model : w->kind, &ops, w, NULL, err));
	DO(dm_operator_create_matrix(&op, w->a[0], (size_t)w->n_seen, DIM, NULL, err));
	dm_status st = dm_guidance_create_over(&guidance, t->guidance, t->base, op, NULL, error);
	if (st == DM_OK)
		st = dm_plan_create(plan, schedule, grid, sampler, model, guidance, t->plan, NULL, error);
	dm_guidance_free(guidance);
	dm_operator_free(op);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return st;
}

static inline dm_run *run_task(struct world *w, const struct task *t)
{
	dm_plan *plan;
	dm_array *array;
	dm_run *run;
	DO(plan_task(&plan, w, t, err));
	DO(dm_array_create_host(&array, t->dtype ? t->dtype : DM_F64, NULL, NULL, NULL, err));
	DO(dm_run_create(&run, plan, array, NULL, (size_t)t->n, DIM, t->run, NULL, 0, err));
	dm_plan_free(plan);
	dm_array_free(array);
	DO(dm_run_bind(run, DM_BOUND_MEASUREMENT, w->y, DM_F64, (size_t)w->n_seen, err));
	if (t->start)
		DO(dm_run_start_state(run, t->start, DM_F64, 0, err));
	return run;
}

/* The samples, t->n rows of DIM. */
static inline double *reconstruct(struct world *w, const struct task *t)
{
	dm_run *run = run_task(w, t);
	double *out = calloc((size_t)t->n * DIM, sizeof *out);
	const dm_request *rq;
	dm_status st;
	assert_non_null(out);
	if (t->by_steps) {
		while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL)
			answer(w, rq);
		assert_int_equal(st, DM_DONE);
	} else
		DO(dm_run_all(run, err));
	DO(dm_run_state(run, out, DM_F64, err));
	dm_run_free(run);
	return out;
}

#endif
