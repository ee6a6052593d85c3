/* demist/sampler.h: the rule that goes from one node to the next.
 *
 * A sampler is a small program over scalars. step() sees one interval and emits what to do with arrays it never
 * touches: values (dm_val) are defined once, never overwritten, and weighted by doubles that depend on the schedule
 * alone. */
#ifndef DEMIST_SAMPLER_H
#define DEMIST_SAMPLER_H

#include "model.h"

typedef struct dm_sampler dm_sampler;
typedef struct dm_emit dm_emit;

typedef int32_t dm_val; /* an array of the batch's shape; 0 = none */

enum { DM_SPACE_RAW = 0, DM_SPACE_X0 = 1, DM_SPACE_EPSILON = 2, DM_SPACE_V = 3, DM_SPACE_SCORE = 4 };
enum { DM_PART_PREDICTION = 0, DM_PART_UNGUIDED = 1, DM_PART_VARIANCE = 2, DM_PART_UNMAPPED = 4 };
enum { DM_DEPARTS_MEAN = 1, DM_DEPARTS_VARIANCE = 2 };

typedef struct dm_term {
	double coefficient;
	dm_val value;
} dm_term;

/* An earlier prediction: where, what, and the order of the step that used it. */
typedef struct dm_past {
	dm_node at;
	dm_val prediction;
	int32_t order;
} dm_past;

/* What step() sees. */
typedef struct dm_step {
	size_t struct_size;
	int64_t step, n_step;     /* n_step = -1 where the number is not known */
	const dm_node *from, *to; /* adaptive methods: the trial's end */
	dm_val x;                 /* the state at from */
	int32_t n_past;
	const dm_past *past;  /* newest first; emptied by an upward visit */
	const dm_val *kept;   /* values kept by dm_emit_keep; 0 where none was */
	const double *option; /* in the order of the sampler's option table */
	const double *memory; /* of adaptive methods: what control() left */
	const dm_schedule *schedule;
	const dm_node *grid; /* all n_step + 1 nodes of the grid; NULL for adaptive methods */
	const dm_node *end;  /* the last node with sigma > 0 */
} dm_step;

/* All emit functions accept what earlier ones returned, even after an error: the first error sticks and is reported
 * when the plan is made. A term whose coefficient is 0 is dropped: its value is neither read nor drawn. */
DM_API dm_val dm_emit_linear(dm_emit *e, int32_t n, const dm_term *term); /* the weighted sum of n values */
DM_API dm_val dm_emit_noise(dm_emit *e, int64_t visit, int32_t tag); /* unit normals of (DM_DRAW_STEP, visit, tag) */

/* The unit normals that drive the process from one lambda to another: independent draws of (visit = step, tag), or, in a plan
 * with noise=path, the increment of the seed's Brownian path over that time. */
DM_API dm_val dm_emit_increment(dm_emit *e, double lambda_from, double lambda_to, int32_t tag);

/* The model's guided prediction for the value x at a node, in the space asked for. */
DM_API dm_val dm_emit_eval(dm_emit *e, dm_val x, const dm_node *at, int32_t space);

/* The same by a sampler that does not go to the end of the step with it, but to another node first: models with
 * two_time=1 are told that one. dm_emit_eval tells them the end of the step. */
DM_API dm_val dm_emit_eval_to(dm_emit *e, dm_val x, const dm_node *at, const dm_node *to, int32_t space);

/* The same evaluation seen differently: in another space; before the maps on x0 (DM_PART_UNMAPPED); the branch without
 * condition alone, which is then always asked for (DM_PART_UNGUIDED); the network's second output (DM_PART_VARIANCE,
 * space RAW). */
DM_API dm_val dm_emit_part(dm_emit *e, dm_val eval, int32_t part, int32_t space);

/* What is not linear: a DM_MAP_... of array.h over up to 3 values. */
DM_API dm_val dm_emit_map(dm_emit *e, int32_t map, int32_t n, const dm_val *value, const double parameter[4]);

/* A weighted sum of up to 8 values whose weights follow from their inner products: the sampler's weights() is called
 * with the rule and the parameters. */
DM_API dm_val dm_emit_weighted(dm_emit *e, int32_t n, const dm_val *value, int32_t rule, const double parameter[4]);

DM_API void dm_emit_push(dm_emit *e, const dm_node *at, dm_val prediction,
                         int32_t order);                       /* into past[0] of the next step */
DM_API void dm_emit_keep(dm_emit *e, int32_t k, dm_val value); /* into kept[k] of the next step */
DM_API void dm_emit_state(dm_emit *e, dm_val x); /* the interval's result: the state at to; required, once */

/* Adaptive methods: the two results of a trial and the reference value; the engine takes, per sample, over the whole
 * batch, or the largest of the batch (DM_NORM_MAX), rms((high - low) / max(atol, rtol max(|low|, |reference|))). All trials of a run use the same norm. */
enum { DM_CLOCK_LAMBDA = 0, DM_CLOCK_TIME = 1 };
enum { DM_NORM_SAMPLE = 0, DM_NORM_BATCH = 1, DM_NORM_MAX = 2 };
DM_API void dm_emit_error_estimate(dm_emit *e, dm_val high, dm_val low, dm_val reference, double atol, double rtol,
                                   int32_t norm);

/* A method that by definition does not carry a constant prediction exactly (DM_DEPARTS_MEAN) or does not keep the noise
 * variance at sigma^2 (DM_DEPARTS_VARIANCE) says so in the step where it happens; undeclared, it is an error. */
DM_API void dm_emit_departs(dm_emit *e, int32_t what);

/* Stop with an error of the sampler's own. */
DM_API void dm_emit_fail(dm_emit *e, dm_status status, const char *message);

/* Of one sample: Gram matrix (n x n) and sums of n values, in double, in a fixed order. */
typedef struct dm_stats {
	size_t struct_size;
	int32_t n;
	size_t n_element;
	const double *gram, *sum;
} dm_stats;

/* step is required and must be a pure function of what it is given.
 * control makes the method adaptive: after a trial it sees the error estimate and, in *h, the size the trial had (shortened at the end
 * of the grid); it decides, and sets *h > 0 to the size of the next trial. memory (n_memory doubles, at first 0) is its own, per
 * sample. Called once with error < 0 before the first trial, to set the first h; accept is then ignored. */
typedef struct dm_sampler_ops {
	size_t struct_size;
	int32_t n_past, n_kept, n_memory; /* at most 8, 8 and 16 */
	dm_status (*step)(void *user, const dm_step *s, dm_emit *e);
	dm_status (*control)(void *user, double *memory, const double *option, double error, int32_t *accept, double *h);
	void (*destroy)(void *user);
	/* for dm_emit_weighted: weight[sample][n] from the statistics of n_sample samples (one array of dm_stats,
	 * struct_size apart) */
	dm_status (*weights)(void *user, const double *option, int32_t rule, const double parameter[4], size_t n_sample,
	                     const dm_stats *stats, double *weight);
	int32_t clock; /* adaptive methods: h is a step in DM_CLOCK_LAMBDA or DM_CLOCK_TIME */
	int32_t order; /* what dm_sampler_order returns; 0: none is claimed */
} dm_sampler_ops;

/* By name: "ddim:eta=0.5", "dpmpp_2m", "unipc:order=3,variant=bh1", ... */
DM_API dm_status dm_sampler_create(dm_sampler **out, const char *spec, const dm_allocator *allocator, dm_error *err);

/* The caller's own: spec is "name" or "name:option=value,..." over the given option table (copied by reference: option
 * must outlive the sampler). destroy is called once, also when create fails. */
DM_API dm_status dm_sampler_create_custom(dm_sampler **out, const char *spec, const dm_sampler_ops *ops, void *user,
                                          const dm_option *option, int32_t n_option, const dm_allocator *allocator,
                                          dm_error *err);
DM_API void dm_sampler_free(dm_sampler *sampler);

/* The order of convergence that is claimed of a whole run with these options, its start and its last step included: p
 * where the error falls as the p-th power of the step. Of options that draw nothing it is the order towards the
 * probability-flow ODE, of others the weak order towards the SDE they stand for, with an exact model in both. It holds for
 * more and more nodes, even in lambda, down to a level above 0, and where the number of steps matters for the worst one; with
 * an option lower_order_below for grids of at least so many steps. Of an adaptive method it is that of its formulas over
 * equal steps. 0: none is claimed, or sampler is NULL. */
DM_API int32_t dm_sampler_order(const dm_sampler *sampler);

#endif
