/* A denoiser of your own: the exact one of a mixture of two Gaussians in the plane, E[x0 | x]. With x = alpha x0 +
 * sigma epsilon, component k is seen as N(alpha mean_k, v), v = alpha^2 s^2 + sigma^2, and on its own would give
 * mean_k + alpha s^2 / v (x - alpha mean_k); the components are mixed by how likely they make x. */
#include <math.h>
#include <stdio.h>

#include "demist.h"

enum { N = 4096, DIM = 2, PARTS = 2 };

static const double share[PARTS] = {0.3, 0.7}, mean[PARTS][DIM] = {{-2, 1}, {1, 0.5}}, s = 0.4;
static float samples[N][DIM];

static void denoise(const float *x, double alpha, double sigma, float *x0)
{
	double v = alpha * alpha * s * s + sigma * sigma, weight[PARTS], sum = 0, out[DIM] = {0};
	for (int k = 0; k < PARTS; k++) {
		double dx = x[0] - alpha * mean[k][0], dy = x[1] - alpha * mean[k][1];
		sum += weight[k] = share[k] * exp(-(dx * dx + dy * dy) / (2 * v)) + 1e-300;
	}
	for (int k = 0; k < PARTS; k++)
		for (int i = 0; i < DIM; i++)
			out[i] += weight[k] / sum * (mean[k][i] + alpha * s * s / v * (x[i] - alpha * mean[k][i]));
	for (int i = 0; i < DIM; i++)
		x0[i] = (float)out[i];
}

static dm_status predict(void *user, const dm_request *rq)
{
	(void)user;
	for (size_t i = 0; i < rq->n_sample; i++)
		denoise((const float *)rq->x + i * rq->x_stride, rq->alpha[0], rq->sigma[0],
		        (float *)rq->out[0] + i * rq->out_stride);
	return DM_OK;
}

int main(void)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	double worst = 0;
	dm_run *run;
	dm_error err;
	if (dm_run_create_spec(&run, "sampler=dpmpp_2m schedule=linear grid=trailing:steps=50 model=x0", &ops, NULL, N, DIM,
	                       NULL, &err) != DM_OK ||
	    dm_run_all(run, &err) != DM_OK || dm_run_state(run, samples, DM_F32, &err) != DM_OK)
		return puts(err.message), 1;
	dm_run_free(run);
	for (int i = 0; i < DIM; i++) {
		double m = 0, v = 0, exact_m = share[0] * mean[0][i] + share[1] * mean[1][i];
		double gap = mean[0][i] - mean[1][i], exact_v = s * s + share[0] * share[1] * gap * gap;
		for (int k = 0; k < N; k++)
			m += samples[k][i] / N, v += (double)samples[k][i] * samples[k][i] / N;
		v -= m * m;
		printf("axis %d: mean %.3f (exact %.3f), variance %.3f (exact %.3f)\n", i, m, exact_m, v, exact_v);
		worst = fmax(worst, fmax(fabs(m - exact_m), fabs(v - exact_v)));
	}
	return worst < 0.1 ? 0 : 1;
}
