/* Step mode: the caller owns the loop. Three runs with different samplers advance together; what they ask for is
 * gathered into one batch, evaluated by one call of the model and handed back: what a server does that merges its
 * users' requests. Each run gives the bits that it gives on its own. */
#include <stdio.h>
#include <string.h>

#include "demist.h"

enum { RUNS = 3, ROWS = 4, DIM = 8 };

static const char *const sampler[RUNS] = {"dpmpp_2m", "heun", "euler_ancestral"};

/* One row of the batch: its input, the noise level at which it is asked, and where the answer belongs. */
struct item {
	const float *x;
	double alpha, sigma;
	float *out;
};

/* The model: one pass over a batch of rows at different noise levels. The data are N(0, 0.5^2), so the clean sample is
 * expected at alpha 0.25 / (0.25 alpha^2 + sigma^2) x. */
static void model(const struct item *batch, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const double a = batch[i].alpha, s = batch[i].sigma, c = 0.25 * a / (0.25 * a * a + s * s);

		for (size_t k = 0; k < DIM; k++)
			batch[i].out[k] = (float)(c * batch[i].x[k]);
	}
}

/* Adds the rows of a request to the batch; times may be one for all rows or one each. */
static size_t gather(struct item *batch, const dm_request *rq)
{
	for (size_t i = 0; i < rq->n_sample; i++) {
		const size_t k = rq->n_time == 1 ? 0 : i;

		batch[i] = (struct item){(const float *)rq->x + i * rq->x_stride, rq->alpha[k], rq->sigma[k],
		                         (float *)rq->out[0] + i * rq->out_stride};
	}
	return rq->n_sample;
}

static dm_status create(dm_run **out, int i, dm_error *err)
{
	char spec[160];

	snprintf(spec, sizeof spec, "sampler=%s schedule=linear grid=trailing:steps=%d model=x0 seed=%d", sampler[i],
	         10 + 5 * i, i);
	return dm_run_create_spec(out, spec, NULL, NULL, ROWS, DIM, NULL, err);
}

/* Advances the runs first..last-1 to their ends, all in one batch at a time. */
static dm_status run_together(dm_run **run, int first, int last, dm_error *err)
{
	struct item batch[RUNS * ROWS];
	int done[RUNS] = {0};
	size_t n, n_batch = 0, n_item = 0;

	do {
		n = 0;
		for (int i = first; i < last; i++) {
			const dm_request *rq;
			const dm_status st = done[i] ? DM_DONE : dm_run_next(run[i], &rq, err);

			if (st < 0)
				return st;
			if (st == DM_EVAL)
				n += gather(batch + n, rq);
			done[i] = st == DM_DONE;
		}
		model(batch, n);
		n_item += n;
		n_batch += n > 0;
	} while (n > 0);
	printf("runs %d to %d: %zu rows in %zu batches\n", first, last - 1, n_item, n_batch);
	return DM_OK;
}

/* All runs merged, or one after the other; the samples of each. */
static dm_status sample(int merged, float out[RUNS][ROWS][DIM], dm_error *err)
{
	dm_run *run[RUNS] = {NULL};
	dm_status st = DM_OK;

	for (int i = 0; i < RUNS && st == DM_OK; i++)
		st = create(&run[i], i, err);
	if (merged && st == DM_OK)
		st = run_together(run, 0, RUNS, err);
	for (int i = 0; i < RUNS && !merged && st == DM_OK; i++)
		st = run_together(run, i, i + 1, err);
	for (int i = 0; i < RUNS && st == DM_OK; i++)
		st = dm_run_state(run[i], out[i], DM_F32, err);
	for (int i = 0; i < RUNS; i++)
		dm_run_free(run[i]);
	return st;
}

int main(void)
{
	static float together[RUNS][ROWS][DIM], alone[RUNS][ROWS][DIM];
	dm_error err;
	int same;

	if (sample(1, together, &err) != DM_OK || sample(0, alone, &err) != DM_OK) {
		puts(err.message);
		return 1;
	}
	same = memcmp(together, alone, sizeof together) == 0;
	puts(same ? "merged and alone: the same bits" : "merged and alone differ");
	return same ? 0 : 1;
}
