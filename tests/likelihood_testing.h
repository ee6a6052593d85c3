/* What the tests of likelihoods share: a mixture of isotropic Gaussians with its exact network in every kind of
 * prediction, its Jacobian, and its log-density at any level. */
#ifndef LIKELIHOOD_TESTING_H
#define LIKELIHOOD_TESTING_H

#include "run_testing.h"
#include "schedule_testing.h"

enum { MAX_DIM = 8, MAX_COMPONENT = 3 };

struct target {
	size_t n, n_component;
	double mean[MAX_COMPONENT][MAX_DIM], std[MAX_COMPONENT], weight[MAX_COMPONENT];
	int kind;
	int calls, fail_at, fail_code; /* callbacks so far, from 1; the one that fails */
	int predictions, products;
	int spoil_at, spoil_kind; /* call that writes NaN (1) or nothing (2) to sample 1, element 1 */
	dm_likelihood *busy;      /* called back into */
};

/* Weights of the components given x and, each where it is not NULL, the means of x0 and of the noise, and the log-density
 * of x. */
static inline void posterior(const struct target *m, double alpha, double sigma, const double *x, double *p, double *x0,
                             double *epsilon, double *log_density)
{
	double largest = -INFINITY, sum = 0;
	for (size_t k = 0; k < m->n_component; k++) {
		double v = alpha * alpha * m->std[k] * m->std[k] + sigma * sigma, d = 0;
		for (size_t j = 0; j < m->n; j++)
			d += (x[j] - alpha * m->mean[k][j]) * (x[j] - alpha * m->mean[k][j]);
		p[k] = log(m->weight[k]) - 0.5 * (double)m->n * log(2 * acos(-1) * v) - d / (2 * v);
		largest = fmax(largest, p[k]);
	}
	for (size_t k = 0; k < m->n_component; k++)
		sum += exp(p[k] - largest);
	if (log_density)
		*log_density = largest + log(sum);
	for (size_t k = 0; k < m->n_component; k++)
		p[k] = exp(p[k] - largest) / sum;
	for (size_t j = 0; x0 && j < m->n; j++) {
		x0[j] = epsilon[j] = 0;
		for (size_t k = 0; k < m->n_component; k++) {
			double s2 = m->std[k] * m->std[k], v = alpha * alpha * s2 + sigma * sigma, d = x[j] - alpha * m->mean[k][j];
			x0[j] += p[k] * (m->mean[k][j] + alpha * s2 / v * d);
			epsilon[j] += p[k] * sigma / v * d;
		}
	}
}

static inline double log_density_at(const struct target *m, double alpha, double sigma, const double *x)
{
	double p[MAX_COMPONENT], value;
	posterior(m, alpha, sigma, x, p, NULL, NULL, &value);
	return value;
}

/* The products of their Jacobians with v; these are symmetric. */
static inline void product(const struct target *m, double alpha, double sigma, const double *x, const double *v,
                           double *x0, double *epsilon)
{
	double p[MAX_COMPONENT], along[MAX_COMPONENT] = {0}, mean = 0;
	posterior(m, alpha, sigma, x, p, NULL, NULL, NULL);
	for (size_t k = 0; k < m->n_component; k++) {
		double q = alpha * alpha * m->std[k] * m->std[k] + sigma * sigma;
		for (size_t j = 0; j < m->n; j++)
			along[k] -= (x[j] - alpha * m->mean[k][j]) / q * v[j];
		mean += p[k] * along[k];
	}
	for (size_t j = 0; j < m->n; j++) {
		x0[j] = epsilon[j] = 0;
		for (size_t k = 0; k < m->n_component; k++) {
			double s2 = m->std[k] * m->std[k], q = alpha * alpha * s2 + sigma * sigma, d = x[j] - alpha * m->mean[k][j];
			x0[j] += p[k] * (alpha * s2 / q * v[j] + (m->mean[k][j] + alpha * s2 / q * d) * (along[k] - mean));
			epsilon[j] += p[k] * sigma / q * (v[j] + d * (along[k] - mean));
		}
	}
}

/* What a network of the kind predicts; edm with sigma_data = 0.5. */
static inline double predicted(int kind, double a, double s, double x0, double epsilon)
{
	switch (kind) {
	case X0:
		return x0;
	case V:
		return (a * epsilon - s * x0) / sqrt(a * a + s * s);
	case SCORE:
		return -epsilon / s;
	case FLOW:
		return epsilon - x0;
	case EDM:
		return (s * x0 / 0.5 - 0.5 * a * epsilon) / sqrt(s * s + 0.25 * a * a);
	default:
		return epsilon;
	}
}

/* One row: the network's output, or the product of its Jacobian with the cotangent. edm reads a scaled input. */
static inline void answer_row(const struct target *m, const dm_request *rq, size_t row)
{
	size_t k = rq->n_time == 1 ? 0 : row;
	double a = rq->alpha[k], s = rq->sigma[k], x[MAX_DIM], v[MAX_DIM], x0[MAX_DIM], epsilon[MAX_DIM], p[MAX_COMPONENT];
	double scale = m->kind == EDM ? sqrt(0.25 * a * a + s * s) : 1;
	for (size_t j = 0; j < m->n; j++)
		x[j] = scale * get(rq->x, rq->x_type, row * rq->x_stride + j);
	for (size_t j = 0; rq->kind == DM_ASK_VJP && j < m->n; j++)
		v[j] = scale * get(rq->cotangent, rq->out_type, row * rq->out_stride + j);
	if (rq->kind == DM_ASK_VJP)
		product(m, a, s, x, v, x0, epsilon);
	else
		posterior(m, a, s, x, p, x0, epsilon, NULL);
	for (size_t j = 0; j < m->n; j++)
		put(rq->out[0], rq->out_type, row * rq->out_stride + j, predicted(m->kind, a, s, x0[j], epsilon[j]));
}

static inline dm_status answer_target(void *user, const dm_request *rq)
{
	struct target *m = user;
	m->predictions += rq->kind == DM_ASK_PREDICTION;
	m->products += rq->kind == DM_ASK_VJP;
	if (m->busy) {
		const dm_request *again;
		dm_error error;
		assert_int_equal(dm_likelihood_next(m->busy, &again, &error), DM_ERR_BUSY);
		assert_int_equal(dm_likelihood_all(m->busy, &error), DM_ERR_BUSY);
	}
	if (++m->calls == m->fail_at) {
		strcpy(rq->error->message, "no power");
		return m->fail_code;
	}
	for (size_t row = 0; row < rq->n_sample; row++)
		if (m->calls != m->spoil_at || m->spoil_kind != 2)
			answer_row(m, rq, row);
	if (m->calls == m->spoil_at && m->spoil_kind == 1)
		put(rq->out[0], rq->out_type, rq->out_stride + 1, NAN);
	return 0;
}

/* The mixtures of the tests: one or three components in n dimensions. */
static inline struct target gaussian(size_t n, int kind)
{
	struct target m = {.n = n, .n_component = 1, .std = {0.6}, .weight = {1}, .kind = kind};
	for (size_t j = 0; j < n; j++)
		m.mean[0][j] = 0.3 * cos((double)j);
	return m;
}

static inline struct target mixture(size_t n, int kind)
{
	struct target m = {.n = n, .n_component = 3, .std = {0.5, 0.35, 0.8}, .weight = {0.5, 0.3, 0.2}, .kind = kind};
	for (size_t k = 0; k < 3; k++)
		for (size_t j = 0; j < n; j++)
			m.mean[k][j] = 0.8 * sin(1 + 2.3 * (double)k + 1.7 * (double)j);
	return m;
}

static inline dm_model *model_of(struct target *m, const char *spec, int with_vjp)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = answer_target};
	dm_model *model;
	if (with_vjp)
		ops.vjp = answer_target;
	DO(dm_model_create(&model, spec ? spec : kind_names[m->kind], &ops, m, NULL, err));
	return model;
}

/* Repeatable points within about 1.5 of 0. */
static inline void points(double *x, size_t n)
{
	uint64_t state = 12345;
	for (size_t i = 0; i < n; i++)
		x[i] = 3 * uniform(&state) - 1.5;
}

enum { N_SAMPLE = 4 };

struct answer {
	double log_density[N_SAMPLE], bits[N_SAMPLE], latent[N_SAMPLE * MAX_DIM];
	int64_t n_eval[N_SAMPLE];
};

static inline struct answer ask_for(struct target *m, const char *schedule_spec, const char *model_spec, int with_vjp,
                                    const char *options, const double *x, size_t n_sample)
{
	struct answer a;
	dm_schedule *schedule = create(schedule_spec);
	dm_model *model = model_of(m, model_spec, with_vjp);
	DO(dm_log_likelihood(schedule, model, options, x, DM_F64, n_sample, m->n, a.log_density, a.bits, a.latent, a.n_eval,
	                     NULL, err));
	dm_model_free(model);
	dm_schedule_free(schedule);
	return a;
}

#endif
