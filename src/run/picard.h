/* The Picard iteration over a run. All arrays over evaluations are rings: evaluation i stands at i % capacity. */
#ifndef DMI_PICARD_H
#define DMI_PICARD_H

#include "demist/picard.h"
#include "run/run.h"

/* Where a sample stands: evaluations before front are settled; those before end were asked for, and their outputs are the
 * guess; those before target are asked for in this iteration (0: not yet known). broken: the first output of this
 * iteration that is not finite. */
struct dmi_picard_sample {
	size_t front, end, target, broken;
};

enum { DMI_PICARD_PASS, DMI_PICARD_ASK, DMI_PICARD_DONE };

struct dm_picard {
	dm_allocator allocator;
	void *memory; /* all of it; this struct stands inside */
	size_t bytes;
	dm_run *run;
	char *saved; /* the run at the front that all samples have in common */
	size_t run_bytes;
	int32_t has_saved, in_pass, in_callback, phase, asked;

	size_t n_sample, n_element, n_eval, window, capacity;
	double tolerance;
	int64_t max_iterations;
	dm_picard_info info;

	const dm_row **eval; /* [n_eval] */
	struct dmi_picard_sample *sample;
	size_t front; /* of this pass: the least of all samples */

	/* rings of tight rows: inputs [capacity][n_sample], outputs [capacity][n_answer][n_sample] */
	char *x, *answer;
	size_t x_bytes, answer_bytes; /* of a row */
	int32_t n_answer;             /* the most of any evaluation */
	int32_t two_times;            /* of the model */

	/* the request: evaluations from .. to - 1 */
	dm_request rq;
	size_t from, to;
	void *out[2 * DM_GUIDANCE_MAX_BRANCH];
	char *rq_x, *rq_answer; /* [window * n_sample] rows; [n_answer] of those */
	size_t rq_answer_bytes; /* of one of them */
	int64_t *rq_sample, *bad;
	uint64_t *rq_seed;
	size_t *rq_row, *rq_eval;
	double *rq_time, *rq_alpha, *rq_sigma;
	double *rq_time_to, *rq_alpha_to, *rq_sigma_to; /* none where the model knows one time */
	dm_error scratch;
};

static inline char *dmi_picard_x(const dm_picard *p, size_t eval, size_t sample)
{
	return p->x + (eval % p->capacity * p->n_sample + sample) * p->x_bytes;
}

static inline char *dmi_picard_answer(const dm_picard *p, size_t eval, int32_t k, size_t sample)
{
	size_t at = eval % p->capacity * (size_t)p->n_answer + (size_t)k;
	return p->answer + (at * p->n_sample + sample) * p->answer_bytes;
}

/* picard_pass.c: runs the plan from the common front over the guess: settles what stands still, and collects the inputs of
 * the evaluations to be asked for. */
dm_status dmi_picard_pass(dm_picard *p, dm_error *err);

/* picard_ask.c: the next request of the iteration (DM_EVAL), or DM_DONE where it has none left; and its answer. */
dm_status dmi_picard_ask(dm_picard *p, dm_error *err);
dm_status dmi_picard_take(dm_picard *p, dm_error *err);

#endif
