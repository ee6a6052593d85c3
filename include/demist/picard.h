/* demist/picard.h: a plan solved parallel in time (Shih 2023, ParaDiGMS): many evaluations asked for at once, so fewer
 * one after another.
 *
 * With the outputs of all evaluations held fixed, a plan is arithmetic that needs no model. So from a guess of the
 * outputs follow the inputs of all evaluations of a window; the model is asked for all of them in one request; its
 * answers are the next guess. At the front of the window, what is settled stays so: a sample's front moves past every
 * evaluation whose input is where the model was last asked. At tolerance = 0 that means the same bits, and the samples
 * are those of dm_run_all, after at most as many requests one after another as there are evaluations.
 *
 * Works with every method on a fixed grid, guidance, noise and process. The network must give a row the same bits
 * whatever stands beside it. */
#ifndef DEMIST_PICARD_H
#define DEMIST_PICARD_H

#include "run.h"

typedef struct dm_picard dm_picard;

/* As dm_run_create; array: in host memory. options:
 *   window          evaluations of a sample that are asked for at once; 0, the default: all that are left
 *   tolerance       how far an input may be from where the model was asked, for every sample the root of the mean square
 *                   over sigma; default 0
 *   max_iterations  before DM_ERR_LIMIT; 0, the default: no limit
 *   seed, first_sample  as of a run
 * What a sample becomes does not depend on the others of its batch, unless the method looks at the batch. DM_ERR_UNSUPPORTED:
 * adaptive plans; plans with progress or preview, with noise that is asked for, or with requests other than predictions. */
DM_API dm_status dm_picard_create(dm_picard **out, const dm_plan *plan, const dm_array *array, const dm_noise *noise,
                                  size_t n_sample, size_t n_element, const char *options, dm_error *err);
/* What that takes from the plan's allocator, in one piece. */
DM_API dm_status dm_picard_bytes(const dm_plan *plan, const dm_array *array, const dm_noise *noise, size_t n_sample,
                                 size_t n_element, const char *options, size_t *bytes, dm_error *err);
DM_API void dm_picard_free(dm_picard *picard);

/* The run inside, lent: give it keys and a start before the first request, and read its state at the end. It must not be
 * driven, nor freed. dm_run_cancel works on it. */
DM_API dm_run *dm_picard_run(dm_picard *picard);

/* As dm_run_next, dm_run_retry and dm_run_all. All requests are DM_ASK_PREDICTION; a row is one evaluation of a sample, with a
 * time of its own (n_time = n_sample); row[] is the sample's place in the batch, eval counts the requests, step is that of
 * the first row. A provisional output that is not finite is forgotten; one at a sample's front is an error. */
DM_API dm_status dm_picard_next(dm_picard *picard, const dm_request **rq, dm_error *err);
DM_API dm_status dm_picard_retry(dm_picard *picard, dm_error *err);
DM_API dm_status dm_picard_all(dm_picard *picard, dm_error *err);

/* n_eval: evaluations of the plan, one after another in a run. So far: iterations; requests answered, one after another
 * (more than iterations where the branches of a window differ); rows of all requests; evaluations settled in all
 * samples. */
typedef struct dm_picard_info {
	size_t struct_size;
	int64_t n_eval, n_iteration, n_request, n_row, n_settled;
} dm_picard_info;
DM_API dm_status dm_picard_facts(const dm_picard *picard, dm_picard_info *info, dm_error *err);

#endif
