/* What the matrix of all methods runs in: data with an exact score, a denoiser that answers in any kind of prediction, and
 * the trajectory that a deterministic method converges to. */
#ifndef MATRIX_H
#define MATRIX_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "demist.h"

/* ---------------------------------------------------------------------------------------------------------- the data */

/* Elements are drawn independently from this mixture of Gaussians. */
enum { N_PART = 2 };
static const double part_weight[N_PART] = {0.35, 0.65}, part_mean[N_PART] = {-1.1, 0.9}, part_sd[N_PART] = {0.35, 0.5};

/* The mixture after the noise: per part the log of its density's factor, 1 / variance, and the mean. */
struct view {
	double alpha, sigma, log_factor[N_PART], precision[N_PART], mean[N_PART];
	double previous[2]; /* mean of the posterior of the table entry below: [0] x + [1] x0 */
};

static inline struct view view_of(double alpha, double sigma)
{
	struct view v = {.alpha = alpha, .sigma = sigma};
	for (int k = 0; k < N_PART; k++) {
		v.mean[k] = alpha * part_mean[k];
		v.precision[k] = 1 / (alpha * alpha * part_sd[k] * part_sd[k] + sigma * sigma);
		v.log_factor[k] = log(part_weight[k]) + 0.5 * log(v.precision[k]);
	}
	return v;
}

/* E[x0 | x] and the gradient of the log density at x, which is -E[epsilon | x] / sigma. */
static inline void look(const struct view *v, double x, double *x0, double *score)
{
	double log_p[N_PART], top = -INFINITY, sum = 0;
	for (int k = 0; k < N_PART; k++) {
		double d = x - v->mean[k];
		log_p[k] = v->log_factor[k] - 0.5 * d * d * v->precision[k];
		top = fmax(top, log_p[k]);
	}
	*x0 = *score = 0;
	for (int k = 0; k < N_PART; k++) {
		double p = exp(log_p[k] - top), slope = (x - v->mean[k]) * v->precision[k];
		sum += p;
		*x0 += p * (part_mean[k] + v->alpha * part_sd[k] * part_sd[k] * slope);
		*score -= p * slope;
	}
	*x0 /= sum;
	*score /= sum;
}

/* max|mean| + 8 standard deviations of what the mixture is at a level. */
static inline double size_limit(double alpha, double sigma)
{
	double mean = 0, square = 0, top = 0;
	for (int k = 0; k < N_PART; k++) {
		mean += part_weight[k] * part_mean[k];
		square += part_weight[k] * (part_mean[k] * part_mean[k] + part_sd[k] * part_sd[k]);
		top = fmax(top, fabs(part_mean[k]));
	}
	return alpha * top + 8 * sqrt(alpha * alpha * (square - mean * mean) + sigma * sigma);
}

/* ------------------------------------------------------------------------------------------------ kinds of prediction */

static const double SIGMA_DATA = 0.5, CONSISTENCY_SIGMA_MIN = 0.002; /* the defaults of the models */

/* Everything that an output may be made from. */
struct seen {
	const struct view *at;
	double x, x0, epsilon, score;
};

static inline double say_epsilon(const struct seen *s)
{
	return s->epsilon;
}

static inline double say_x0(const struct seen *s)
{
	return s->x0;
}

static inline double say_v(const struct seen *s)
{
	double alpha = s->at->alpha, sigma = s->at->sigma;
	return (alpha * s->epsilon - sigma * s->x0) / sqrt(alpha * alpha + sigma * sigma);
}

static inline double say_score(const struct seen *s)
{
	return s->score;
}

static inline double say_flow(const struct seen *s)
{
	return s->epsilon - s->x0;
}

/* F = (x0 - c_skip y) / c_out of Karras 2022, with y = x / alpha = x0 + u epsilon put in. */
static inline double say_edm(const struct seen *s)
{
	double a = SIGMA_DATA * s->at->alpha, sigma = s->at->sigma;
	return (sigma * s->x0 / SIGMA_DATA - a * s->epsilon) / sqrt(sigma * sigma + a * a);
}

/* The same with the level less sigma_min (Song 2023); at sigma_min the output is not read. */
static inline double say_consistency(const struct seen *s)
{
	double u = s->at->sigma / s->at->alpha, w = u - CONSISTENCY_SIGMA_MIN, sd = SIGMA_DATA;
	double skip = sd * sd / (w * w + sd * sd), out = w * sd / sqrt(u * u + sd * sd);
	if (s->at->alpha == 0)
		return s->x0 / sd;
	return fabs(w) > 1e-12 * u ? (s->x0 - skip * s->x / s->at->alpha) / out : 0;
}

static inline double say_trigflow(const struct seen *s)
{
	double a = atan2(s->at->sigma, SIGMA_DATA * s->at->alpha);
	return SIGMA_DATA * cos(a) * s->epsilon - sin(a) * s->x0;
}

static inline double say_previous(const struct seen *s)
{
	return s->at->previous[0] * s->x + s->at->previous[1] * s->x0;
}

static const struct kind {
	const char *name;
	double (*say)(const struct seen *s);
	double sign;
	int32_t scaled; /* it reads x / sqrt(alpha^2 sigma_data^2 + sigma^2) */
} kinds[] = {
    {"epsilon", say_epsilon, 1, 0},
    {"x0", say_x0, 1, 0},
    {"v", say_v, 1, 0},
    {"score", say_score, 1, 0},
    {"flow", say_flow, 1, 0},
    {"edm", say_edm, 1, 1},
    {"minus_epsilon", say_epsilon, -1, 0},
    {"flow_reversed", say_flow, -1, 0},
    {"edm_negated", say_edm, -1, 1},
    {"consistency", say_consistency, 1, 1},
    {"trigflow", say_trigflow, 1, 0},
    {"previous", say_previous, 1, 0},
};

/* ------------------------------------------------------------------------------------------------------- the denoiser */

/* A kind that this file does not know is answered through dm_convert. */
struct denoiser {
	const char *kind;
	const struct kind *known;
	const dm_schedule *schedule;
	int64_t calls;
};

static inline struct denoiser denoiser_of(const char *kind, const dm_schedule *schedule)
{
	struct denoiser d = {.kind = kind, .schedule = schedule};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].name, kind))
			d.known = &kinds[i];
	return d;
}

static inline struct view view_at(const struct denoiser *d, const dm_request *rq, size_t i)
{
	struct view v = view_of(rq->alpha[i], rq->sigma[i]);
	double variance;
	dm_node t = {.alpha = v.alpha, .sigma = v.sigma}, s;
	if (d->known && d->known->say == say_previous)
		if (dm_schedule_at_time(d->schedule, fmax(rq->time[i] - 1, -1), &s, NULL) != DM_OK ||
		    dm_posterior(&t, &s, v.previous, &variance, NULL) != DM_OK)
			v.previous[0] = v.previous[1] = NAN;
	return v;
}

static inline double say(const struct denoiser *d, const struct view *v, double x)
{
	struct seen s = {.at = v, .x = x};
	double c[2];
	look(v, x, &s.x0, &s.score);
	s.epsilon = -v->sigma * s.score;
	if (d->known)
		return d->known->sign * d->known->say(&s);
	if (dm_convert("x0", d->kind, v->alpha, v->sigma, SIGMA_DATA, c, NULL) != DM_OK)
		return NAN;
	return c[0] * x + c[1] * s.x0;
}

static inline dm_status predict(void *user, const dm_request *rq)
{
	struct denoiser *d = user;
	d->calls++;
	for (size_t i = 0; i < rq->n_sample; i++) {
		struct view v = view_at(d, rq, rq->n_time == 1 ? 0 : i);
		double a = SIGMA_DATA * v.alpha, n = d->known && d->known->scaled ? sqrt(a * a + v.sigma * v.sigma) : 1;
		for (size_t e = 0; e < rq->n_element; e++) {
			size_t from = i * rq->x_stride + e, to = i * rq->out_stride + e;
			double x =
			    n * (rq->x_type == DM_F32 ? (double)((const float *)rq->x)[from] : ((const double *)rq->x)[from]);
			double y = say(d, &v, x);
			for (int32_t b = 0; b < rq->n_branch; b++)
				if (rq->out_type == DM_F32)
					((float *)rq->out[b])[to] = (float)y;
				else
					((double *)rq->out[b])[to] = y;
		}
	}
	return 0;
}

/* --------------------------------------------------------------------------------------------- the converged trajectory */

/* Over the angle phi with tan(phi) = sigma / alpha, z = x / sqrt(alpha^2 + sigma^2) follows dz/dphi = v (the prediction of
 * the kind "v") on every process. */
static inline double slope_at(const struct view *v, double z)
{
	struct seen s = {.at = v, .x = z};
	look(v, z, &s.x0, &s.score);
	s.epsilon = -v->sigma * s.score;
	return say_v(&s);
}

/* n values of z from one angle to another, by the classical Runge-Kutta method. */
static inline void go(double *z, int n, double from, double to)
{
	double h = to - from, middle = from + 0.5 * h;
	struct view a = view_of(cos(from), sin(from)), b = view_of(cos(middle), sin(middle)), c = view_of(cos(to), sin(to));
	for (int i = 0; i < n; i++) {
		double k1 = slope_at(&a, z[i]), k2 = slope_at(&b, z[i] + 0.5 * h * k1);
		double k3 = slope_at(&b, z[i] + 0.5 * h * k2), k4 = slope_at(&c, z[i] + h * k3);
		z[i] += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
	}
}

/* n states from one node to another. Steps are even in ln tan(phi) but for the two ends, where the trajectory is straight
 * in phi. */
static inline void converge(double *x, int n, const dm_node *from, const dm_node *to)
{
	enum { STEPS = 1500 };
	double phi = atan2(from->sigma, from->alpha), end = atan2(to->sigma, to->alpha);
	double high = fmin(log(tan(phi)), log(1e6)), low = fmax(log(tan(end)), log(1e-6));
	if (from->alpha == 0)
		high = log(1e6);
	for (int i = 0; i < n; i++)
		x[i] /= hypot(from->alpha, from->sigma);
	for (int i = 0; i <= STEPS; i++) {
		double next = atan(exp(high + (low - high) * i / STEPS));
		go(x, n, phi, next);
		phi = next;
	}
	go(x, n, phi, end);
	for (int i = 0; i < n; i++)
		x[i] *= hypot(to->alpha, to->sigma);
}

#endif
