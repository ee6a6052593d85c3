/* Given noise (CycleDiffusion, Wu 2023, algorithm 1): a sample becomes the noises of a stochastic run that ends in it. The
 * same noises under another condition give the same sample as it would be there: an edit.
 *
 * Forward, a chain x_T .. x_0 through the sample is drawn from q(x_s | x_t, x_0). A DDPM step is x_s = m(x_t, x0(x_t)) + d z,
 * so z = (x_s - m) / d. The run itself asks for z, after the prediction: noise made with fill NULL is asked for in step
 * mode, and what is answered is where it goes next. The grid ends above sigma = 0, so that the last step has a z too.
 *
 * The data: two kinds, each with its mean, and deviations of which the denoiser knows the law. */
#include <math.h>
#include <stdio.h>

#include "demist.h"

enum { N = 64, STEPS = 40 };

static const double sd = 0.4;

/* What the caller keeps: the kind that the denoiser is conditioned on, its last input and output. */
struct model {
	int kind;
	double x[N], x0[N];
};

static double mean_of(int kind, int e)
{
	return kind ? 1 + 0.5 * sin(e) : -1;
}

static void denoise(struct model *m, const dm_request *rq)
{
	const double a = rq->alpha[0], v = a * a * sd * sd + rq->sigma[0] * rq->sigma[0];
	double *out = rq->out[0];

	for (int e = 0; e < N; e++) {
		const double mean = mean_of(m->kind, e);

		m->x[e] = ((const double *)rq->x)[e];
		out[e] = m->x0[e] = mean + a * sd * sd / v * (m->x[e] - a * mean);
	}
}

/* The parts of a run and what stays when it is gone. */
struct setup {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_plan *plan;
	dm_array *array;
};

static dm_status set_up(struct setup *s, dm_error *err)
{
	dm_sampler *sampler = NULL;
	dm_model *model = NULL;
	dm_status st = dm_schedule_create(&s->schedule, "vp", NULL, err);

	if (st == DM_OK)
		st = dm_grid_create(&s->grid, s->schedule, "log_snr:steps=40,sigma_min=0.02,final=last", NULL, err);
	if (st == DM_OK)
		st = dm_sampler_create(&sampler, "ddpm", NULL, err);
	if (st == DM_OK)
		st = dm_model_create(&model, "x0", NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_plan_create(&s->plan, s->schedule, s->grid, sampler, model, NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_array_create_host(&s->array, DM_F64, NULL, NULL, NULL, err);
	dm_model_free(model);
	dm_sampler_free(sampler);
	return st;
}

static void tear_down(struct setup *s)
{
	dm_array_free(s->array);
	dm_plan_free(s->plan);
	dm_grid_free(s->grid);
	dm_schedule_free(s->schedule);
}

/* The normals by which the chain is drawn: one array for every step, and one for its start. */
static dm_status chain_normals(int64_t visit, double *z, dm_error *err)
{
	uint32_t draw = 0;
	const dm_status st = dm_draw(DM_DRAW_USER, visit, 0, &draw, err);

	return st == DM_OK ? dm_normals(1, 0, draw, 0, N, DM_F64, z, err) : st;
}

/* Answers a request for noise with the z that leads to the next value of the chain. */
static dm_status solve(const struct setup *s, const struct model *m, const double *x0, double *z, const dm_request *rq,
                       dm_error *err)
{
	const size_t k = (size_t)rq->draw_ordinal;
	double mean[2], variance, n[N];
	dm_status st = dm_posterior(dm_grid_node(s->grid, k), dm_grid_node(s->grid, k + 1), mean, &variance, err);

	if (st == DM_OK)
		st = chain_normals((int64_t)k, n, err);
	for (int e = 0; e < N && st == DM_OK; e++) {
		const double drawn = mean[0] * m->x[e] + mean[1] * x0[e] + sqrt(variance) * n[e];
		const double next = k + 1 < STEPS ? drawn : dm_grid_node(s->grid, STEPS)->alpha * x0[e];

		z[e] = (next - mean[0] * m->x[e] - mean[1] * m->x0[e]) / sqrt(variance);
		((double *)rq->out[0])[e] = z[e];
	}
	return st;
}

/* A run from start. record: its noises are made so that it ends in x0, and kept; else they are those kept. */
static dm_status travel(const struct setup *s, int kind, const double *start, double noise[STEPS][N], int record,
                        double *x0, dm_error *err)
{
	const dm_noise_ops asked = {.struct_size = sizeof asked};
	const double alpha = dm_grid_node(s->grid, STEPS)->alpha;
	struct model m = {.kind = kind};
	dm_noise *source = NULL;
	dm_run *run = NULL;
	const dm_request *rq = NULL;
	dm_status st = record ? dm_noise_create_custom(&source, &asked, NULL, NULL, err)
	                      : dm_noise_create_replay(&source, noise, DM_F64, STEPS, 1, N, NULL, err);

	if (st == DM_OK)
		st = dm_run_create(&run, s->plan, s->array, source, 1, N, NULL, NULL, 0, err);
	if (st == DM_OK)
		st = dm_run_start_state(run, start, DM_F64, 0, err);
	while (st == DM_OK && (st = dm_run_next(run, &rq, err)) == DM_EVAL) {
		st = DM_OK;
		if (rq->kind == DM_ASK_NOISE)
			st = solve(s, &m, x0, noise[rq->draw_ordinal], rq, err);
		else
			denoise(&m, rq);
	}
	if (st == DM_DONE && !record)
		st = dm_run_state(run, x0, DM_F64, err);
	for (int e = 0; e < N && !record; e++)
		x0[e] /= alpha;
	dm_run_free(run);
	dm_noise_free(source);
	return st < 0 ? st : DM_OK;
}

static double distance(const double *a, const double *b)
{
	double most = 0;

	for (int e = 0; e < N; e++)
		most = fmax(most, fabs(a[e] - b[e]));
	return most;
}

/* How the deviations from the means of two kinds go together. */
static double correlation(const double *a, int kind_a, const double *b, int kind_b)
{
	double ab = 0, aa = 0, bb = 0;

	for (int e = 0; e < N; e++) {
		const double p = a[e] - mean_of(kind_a, e), q = b[e] - mean_of(kind_b, e);

		ab += p * q;
		aa += p * p;
		bb += q * q;
	}
	return ab / sqrt(aa * bb);
}

int main(void)
{
	static double noise[STEPS][N], sample[N], start[N], again[N], edited[N], other[N];
	struct setup s = {NULL, NULL, NULL, NULL};
	dm_error err;
	dm_status st = set_up(&s, &err);

	if (st == DM_OK)
		st = chain_normals(STEPS, sample, &err);
	if (st == DM_OK)
		st = chain_normals(STEPS + 1, start, &err);
	for (int e = 0; e < N && st == DM_OK; e++) {
		sample[e] = mean_of(0, e) + sd * sample[e];
		start[e] = dm_grid_node(s.grid, 0)->alpha * sample[e] + dm_grid_node(s.grid, 0)->sigma * start[e];
	}
	if (st == DM_OK)
		st = travel(&s, 0, start, noise, 1, sample, &err);
	if (st == DM_OK)
		st = travel(&s, 0, start, noise, 0, again, &err);
	if (st == DM_OK)
		st = travel(&s, 1, start, noise, 0, edited, &err);
	tear_down(&s);
	if (st != DM_OK) {
		puts(err.message);
		return 1;
	}
	for (int e = 0; e < N; e++)
		other[e] = mean_of(1, e);
	printf("the same condition: %.1e from the sample\n", distance(again, sample));
	printf("the other one: %.2f from its mean, correlation of the details %.3f\n", distance(edited, other),
	       correlation(sample, 0, edited, 1));
	return !(distance(again, sample) < 1e-11 && distance(edited, other) < 5 * sd &&
	         correlation(sample, 0, edited, 1) > 0.99);
}
