/* demist/run.h: one batch on its way from noise to samples.
 *
 * One engine, driven in two ways. Driver mode: dm_run_all() calls the model's callback. Step mode: the caller owns the
 * loop:
 *
 *     while ((st = dm_run_next(run, &rq, &err)) == DM_EVAL)
 *         my_network(rq->x, rq->time, rq->branch, rq->n_branch, rq->out);
 *
 * After an error the run stands at the same request; the next call issues it again, and the final bits are those of a
 * run that was never disturbed. */
#ifndef DEMIST_RUN_H
#define DEMIST_RUN_H

#include "array.h"
#include "plan.h"

typedef struct dm_run dm_run;

/* Everything in one line: "sampler=ddim:eta=1 schedule=linear grid=trailing:steps=20 model=epsilon guidance=cfg:scale=2
 * dtype=f32 seed=7 first_sample=0 start=0 preview=1". sampler, schedule, grid and model are required. */
DM_API dm_status dm_run_create_spec(dm_run **out, const char *spec, const dm_model_ops *ops, void *user,
                                    size_t n_sample, size_t n_element, const dm_allocator *allocator, dm_error *err);

/* From a plan. array NULL: f32 in host memory; noise NULL: philox. options: seed (0), first_sample (0): the keys of row
 * i are (seed, first_sample + i). max_eval (adaptive methods: evaluations before DM_ERR_LIMIT, default 10000). The
 * start is noise of standard deviation sigma at the first node unless one of the dm_run_start functions is called.
 * memory: NULL, or `bytes` of the caller's (aligned to 64), at least dm_run_bytes; it must outlive the run. Slots of a
 * custom array come from that array's allocate. */
DM_API dm_status dm_run_create(dm_run **out, const dm_plan *plan, const dm_array *array, const dm_noise *noise,
                               size_t n_sample, size_t n_element, const char *options, void *memory, size_t bytes,
                               dm_error *err);
DM_API dm_status dm_run_bytes(const dm_plan *plan, const dm_array *array, const dm_noise *noise, size_t n_sample,
                              size_t n_element, size_t *bytes, dm_error *err);
DM_API void dm_run_free(dm_run *run);

/* Before the first request, each optional:
 * keys of every row (n = n_sample): a server merges users into one batch;
 * the state at the start node, or a clean sample to which the library adds the start node's noise (img2img). Host
 * memory, rows of stride elements (0: n_element), type DM_F32 or DM_F64; copied. */
DM_API dm_status dm_run_keys(dm_run *run, const uint64_t *seed, const int64_t *sample, size_t n, dm_error *err);
DM_API dm_status dm_run_start_state(dm_run *run, const void *x, int32_t type, size_t stride, dm_error *err);
DM_API dm_status dm_run_start_clean(dm_run *run, const void *x0, int32_t type, size_t stride, dm_error *err);

/* Plans with kept=given: the k-th value that the sampler keeps beside the state, as an earlier run left it. All of them
 * must be given before the first request. */
DM_API dm_status dm_run_start_kept(dm_run *run, int32_t k, const void *x, int32_t type, size_t stride, dm_error *err);

/* An array that the guidance reads: which = DM_BOUND_KNOWN, _MASK, _REFERENCE, _USER + k, of n_element values (the same for
 * all samples) or n_sample rows of n_element; or DM_BOUND_MEASUREMENT, the operator's n_out values or n_sample rows of
 * them. n says which. Values must be finite, those of a mask (of "multi", too) in [0, 1]. Copied, so it may be bound anew
 * before the run starts; all that the plan reads must be bound by then. */
DM_API dm_status dm_run_bind(dm_run *run, int32_t which, const void *data, int32_t type, size_t n, dm_error *err);

/* A function that hears of every step in driver mode (plans with progress or preview); non-zero stops the run there. */
DM_API dm_status dm_run_on_step(dm_run *run, dm_status (*hook)(void *user, const dm_request *rq), void *user,
                                dm_error *err);

/* Step mode. DM_EVAL: *rq must be answered before the next call. DM_DONE: finished. */
DM_API dm_status dm_run_next(dm_run *run, const dm_request **rq, dm_error *err);
/* Step mode: the request at hand could not be answered; dm_run_next will issue it again. */
DM_API dm_status dm_run_retry(dm_run *run, dm_error *err);
/* Driver mode: to the end, or to the first error; may be called again after one. Returns DM_OK when finished. */
DM_API dm_status dm_run_all(dm_run *run, dm_error *err);

/* From any thread or signal handler: the next dm_run_next or dm_run_all returns DM_ERR_CANCELLED, once. */
DM_API void dm_run_cancel(dm_run *run);

/* The state now (at a request: the value under evaluation; at the end: the samples), copied to host memory as float
 * (DM_F32) or double (DM_F64), n_sample rows of n_element. x0: the last estimate of the clean sample; needs preview=1.
 */
DM_API dm_status dm_run_state(dm_run *run, void *out, int32_t type, dm_error *err);
DM_API dm_status dm_run_x0(dm_run *run, void *out, int32_t type, dm_error *err);

/* Plans with kept=left or given, at the end: the k-th value that the sampler keeps, as dm_run_state copies the state. */
DM_API dm_status dm_run_kept(dm_run *run, int32_t k, void *out, int32_t type, dm_error *err);

/* The line from which dm_run_create_spec makes the same run again (dtype, seed and first_sample included; keys that are not one
 * seed and consecutive samples are left out). *length receives the length without NUL; text may be NULL, or hold capacity
 * bytes; too small a buffer is DM_ERR_ARGUMENT, with *length set. */
DM_API dm_status dm_run_spec(const dm_run *run, char *text, size_t capacity, size_t *length, dm_error *err);

/* Counts so far: predictions asked for and answered, trials accepted and rejected (adaptive, summed over samples). */
typedef struct dm_run_info {
	size_t struct_size;
	int64_t n_eval, n_accepted, n_rejected;
	int64_t n_vjp, n_gradient; /* answered requests of these kinds */
} dm_run_info;
DM_API dm_status dm_run_facts(const dm_run *run, dm_run_info *info, dm_error *err);

#endif
