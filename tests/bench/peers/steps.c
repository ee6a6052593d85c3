/* A run for peers.py, which loads this as a module and stands in for the other side of the pair. */
#include "bench/bench.h"
#include <string.h>

/* The ns of all steps of one run, answers not counted, and how many steps these are; the starting noise is none of
 * them. message has room for a dm_error's; the return value is a dm_status. */
dm_status peers_run(const char *sampler, int steps, size_t n, int32_t isa, const float *answer, double *ns,
                    int64_t *n_step, char *message)
{
	dm_run *run = NULL;
	const dm_request *rq = NULL;
	dm_error err = {.status = DM_OK};
	double clock = bench_clock_cost(n);
	dm_status st = bench_run(&run, sampler, "none", steps, 1, n, isa, NULL, NULL, &err);
	if (st == DM_OK)
		st = dm_run_next(run, &rq, &err);
	for (*ns = 0, *n_step = 0; st == DM_EVAL; ++*n_step) {
		memcpy(rq->out[0], answer, n * sizeof *answer);
		double start = bench_now(n);
		st = dm_run_next(run, &rq, &err);
		*ns += bench_now(n) - start - clock;
	}
	memcpy(message, err.message, sizeof err.message);
	dm_run_free(run);
	return st;
}
