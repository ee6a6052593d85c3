/* Interpolation along the probability-flow ODE: two samples are encoded into noise (the same grid, upward), the latents
 * are joined on the sphere, and what lies between is decoded again. Noise of n elements has a norm near sqrt(n); a straight
 * line between two latents cuts the corner, and what is decoded from there lies too close to the peaks of the density:
 * likelier than samples are.
 *
 * The data are n independent numbers from a mixture of two Gaussians, whose denoiser is known. */
#include <math.h>
#include <stdio.h>

#include "demist.h"

enum { N = 400, PART = 2 };

static const double weight[PART] = {0.35, 0.65}, mean[PART] = {-1.1, 0.9}, sd[PART] = {0.35, 0.5};

/* The density of alpha x0 + sigma noise at x, and E[x0 | x]. */
static double density(double x, double alpha, double sigma, double *x0)
{
	double sum = 0, expected = 0;

	for (int k = 0; k < PART; k++) {
		const double variance = alpha * alpha * sd[k] * sd[k] + sigma * sigma, d = x - alpha * mean[k];
		const double p = weight[k] * exp(-d * d / (2 * variance)) / sqrt(2 * acos(-1) * variance);

		sum += p;
		expected += p * (mean[k] + alpha * sd[k] * sd[k] * d / variance);
	}
	*x0 = sum > 0 ? expected / sum : 0;
	return sum;
}

static dm_status predict(void *user, const dm_request *rq)
{
	(void)user;
	for (size_t i = 0; i < rq->n_sample; i++)
		for (size_t e = 0; e < rq->n_element; e++) {
			const double x = ((const double *)rq->x)[i * rq->x_stride + e];

			density(x, rq->alpha[0], rq->sigma[0], &((double *)rq->out[0])[i * rq->out_stride + e]);
		}
	return 0;
}

/* One way over the grid, up or down, for `count` vectors at once. */
static dm_status travel(const char *direction, size_t count, double *x, dm_error *err)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	char spec[200];
	dm_run *run;

	snprintf(spec, sizeof spec,
	         "sampler=dpm_multistep:order=3,lower_order_final=0 schedule=vp "
	         "grid=log_snr:steps=60,sigma_min=0.02,final=last,direction=%s model=x0 dtype=f64",
	         direction);
	dm_status st = dm_run_create_spec(&run, spec, &ops, NULL, count, N, NULL, err);
	if (st == DM_OK)
		st = dm_run_start_state(run, x, DM_F64, 0, err);
	if (st == DM_OK)
		st = dm_run_all(run, err);
	if (st == DM_OK)
		st = dm_run_state(run, x, DM_F64, err);
	dm_run_free(run);
	return st;
}

/* Two samples of the data: a draw says which part, another where in it. */
static dm_status draw(double data[2][N], dm_error *err)
{
	double which[N], where[N];
	dm_status st = DM_OK;

	for (int s = 0; s < 2 && st == DM_OK; s++) {
		st = dm_normals(1, s, 1, 0, N, DM_F64, which, err);
		if (st == DM_OK)
			st = dm_normals(1, s, 2, 0, N, DM_F64, where, err);
		for (int e = 0; e < N && st == DM_OK; e++) {
			const int part = which[e] > -0.385; /* 65 of 100 normals */

			data[s][e] = mean[part] + sd[part] * where[e];
		}
	}
	return st;
}

static double root_mean_square(const double *a, const double *b)
{
	double sum = 0;

	for (int e = 0; e < N; e++)
		sum += (a[e] - (b ? b[e] : 0)) * (a[e] - (b ? b[e] : 0));
	return sqrt(sum / N);
}

/* Mean over the elements; -1.22 is expected of a sample. */
static double log_density(const double *x)
{
	double sum = 0, unused;

	for (int e = 0; e < N; e++)
		sum += log(density(x[e], 1, 0, &unused));
	return sum / N;
}

/* The way from one sample to the other in `count` points, by dm_slerp or, with threshold 0, along the straight line. */
static dm_status interpolate(double data[2][N], int count, double threshold, dm_error *err)
{
	double latent[2][N], x[8][N], norm[8];
	dm_status st;

	for (int e = 0; e < N; e++)
		for (int s = 0; s < 2; s++)
			latent[s][e] = data[s][e];
	st = travel("up", 2, latent[0], err);
	for (int i = 0; i < count && st == DM_OK; i++) {
		st = dm_slerp(latent[0], latent[1], N, (double)i / (count - 1), threshold, DM_F64, x[i], err);
		norm[i] = root_mean_square(x[i], NULL);
	}
	if (st == DM_OK)
		st = travel("down", (size_t)count, x[0], err);
	printf("%s\n   t  |latent|  to first  to second  log density\n", threshold > 0 ? "on the sphere" : "straight line");
	for (int i = 0; i < count && st == DM_OK; i++)
		printf("%4.2f  %8.2f  %8.2f  %9.2f  %11.2f\n", (double)i / (count - 1), norm[i],
		       root_mean_square(x[i], data[0]), root_mean_square(x[i], data[1]), log_density(x[i]));
	if (st == DM_OK && root_mean_square(x[0], data[0]) + root_mean_square(x[count - 1], data[1]) > 0.01)
		return puts("the ends do not come back"), DM_ERR_STATE;
	if (st == DM_OK && (norm[count / 2] > 0.9) != (threshold > 0))
		return puts("only the sphere keeps the norm of noise"), DM_ERR_STATE;
	return st;
}

int main(void)
{
	double data[2][N];
	dm_error err = {0};
	dm_status st = draw(data, &err);

	if (st == DM_OK)
		st = interpolate(data, 7, 0.9995, &err);
	if (st == DM_OK)
		st = interpolate(data, 7, 0, &err);
	if (st != DM_OK)
		puts(err.message);
	return st != DM_OK;
}
