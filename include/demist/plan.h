/* demist/plan.h: a sampler laid over a grid: the whole computation of a run as read-only data.
 *
 * A plan is made of rows, executed in order over numbered slots (arrays of n_sample x n_element). Slot 0 is what the
 * model reads. The printed form (table or JSON) is complete: a program that knows nothing else can execute it. */
#ifndef DEMIST_PLAN_H
#define DEMIST_PLAN_H

#include "grid.h"
#include "guidance.h"
#include "noise.h"
#include "sampler.h"

typedef struct dm_plan dm_plan;

/* Numbers of slots: what the model reads, its outputs and second outputs (one per branch); from DM_SLOT_STATE on arrays
 * of the state's type; answers and cotangents of gradient requests, typed as outputs; from DM_SLOT_BOUND on the arrays
 * that the caller binds to the run (DM_BOUND_... of guidance.h). */
enum {
	DM_SLOT_INPUT = 0,
	DM_SLOT_OUT = 1,
	DM_SLOT_VARIANCE = 9,
	DM_SLOT_STATE = 17,
	DM_SLOT_GRADIENT = 54,
	DM_SLOT_COTANGENT = 55,
	DM_SLOT_BOUND = 56
};

enum {
	DM_ROW_COMBINE = 1,
	DM_ROW_EVAL = 2,
	DM_ROW_STATS = 3,
	DM_ROW_MAP = 4,
	DM_ROW_ERROR = 5,
	DM_ROW_STEP = 6,
	DM_ROW_VJP = 7,
	DM_ROW_GRADIENT = 8
};

/* What a row reads: a slot, or (slot = -1) the unit normals of a draw. */
typedef struct dm_operand {
	int32_t slot;
	uint32_t draw;
	double path_from, path_to; /* lambda, where draw has the domain DM_DRAW_PATH; else 0 */
	int64_t draw_ordinal;      /* counts the plan's draws in order of first use; -1 for slots */
} dm_operand;

/* COMBINE:  out[o] = sum_i coefficient[o * n_in + i] * in[i]. weighted = 1: one output, sum_i c_i in[i] with c_i =
 *           sum_v w[v] coefficient[v * n_in + i], w the weights that follow from the STATS row before it, per sample.
 * EVAL:     the model reads slot in[0] (made from the state in in[1], where that is another) and writes branch b into
 *           slot out[b] (variance: out[n_branch + b]), at node at.
 * VJP:      the same for the transposed Jacobian times the cotangent in in[1]; GRADIENT: the gradient of the
 *           log-probability number map at what stands in in[0], into out[0].
 * STATS:    statistics of the n_out weighted sums; weights are made of them by the guidance at node at; where at is NULL,
 *           by rule map with parameter of the sampler (stage = 0) or of the guidance's stage number stage - 1.
 * MAP:      in[0] (and in[1], in[2]) to out[0] by map and parameter; stage = 1: map is a DM_OPERATOR_... of the guidance's
 *           operator.
 * ERROR:    the n_out = 3 weighted sums are high - low, low and reference; parameter = atol, rtol.
 * STEP:     the step ends: in[0] is the state, in[1] (if n_in = 2) the estimate of x0.
 * The first row makes the start (noise). Rows after an ERROR row are executed only when the trial is accepted. */
typedef struct dm_row {
	size_t struct_size;
	int32_t kind, weighted;
	int64_t step;
	int32_t n_in, n_out, n_branch, map;
	const dm_operand *in;
	const int32_t *out;
	const double *coefficient, *parameter;
	const dm_node *at;
	const dm_branch *branch;
	int32_t stage;
	const dm_node *to; /* EVAL and VJP where the model has two_time=1: where the step goes; else NULL */
} dm_row;

/* The plan of a run from the first node of the grid to the last. options (NULL: none), "name=value,...":
 *   start    node to start from, 0 .. steps - 1 (default 0): earlier ones are skipped, the history starts empty
 *   noise    independent: draws of every step for itself; path: increments of the seed's Brownian path, the same for all grids
 *   progress 1: a DM_ASK_STEP request after every step      preview  1: the same, with the estimate of x0
 *   kept     left: what the sampler keeps beside the state can be read at the end (dm_run_kept); given: and is given at
 *            the start (dm_run_start_kept); for samplers on fixed grids that keep values and no earlier predictions
 *   refine   Langevin steps at every node before the sampler's own step, each with an evaluation: x = alpha x0 + sigma
 *            (sqrt(1 - r^2) epsilon + r z), r = refine_noise; the sampler's history is empty then
 *   climb    how an upward visit of a mixed grid adds noise: 0, up to its level; q, over a table: as diffusers' RePaint
 *            does, with the betas of the q entries from its level on in place of the q up to it
 * guidance NULL: none. All objects may be freed afterwards.
 * Checked here: every value read was defined; a constant prediction is carried exactly; the noise variance adds up. */
DM_API dm_status dm_plan_create(dm_plan **out, const dm_schedule *schedule, const dm_grid *grid,
                                const dm_sampler *sampler, const dm_model *model, const dm_guidance *guidance,
                                const char *options, const dm_allocator *allocator, dm_error *err);
DM_API void dm_plan_free(dm_plan *plan);

/* Facts. Adaptive plans describe one trial, their n_step and totals are -1. */
typedef struct dm_plan_info {
	size_t struct_size;
	int64_t n_step, n_eval, n_branch_eval, n_draw; /* n_branch_eval counts every branch of every evaluation */
	int32_t n_slot, n_state_slot, adaptive;        /* all slots; those that hold arrays of the state's type */
	int32_t departs;                               /* DM_DEPARTS_... of any step */
	int32_t n_past, n_kept;
	int64_t n_vjp, n_gradient; /* requests of these kinds */
} dm_plan_info;

/* info->struct_size is set by the caller. */
DM_API dm_status dm_plan_facts(const dm_plan *plan, dm_plan_info *info, dm_error *err);
DM_API size_t dm_plan_count(const dm_plan *plan);
DM_API const dm_row *dm_plan_row(const dm_plan *plan, size_t i); /* lent; NULL past the end */

/* Printing. form: "table", "json", or "spec" (one line from which the same plan can be made). *length (may be NULL)
 * receives the length without NUL; text may be NULL, or hold capacity bytes; too small a buffer is DM_ERR_ARGUMENT, with *length
 * set. */
DM_API dm_status dm_plan_print(const dm_plan *plan, const char *form, char *text, size_t capacity, size_t *length,
                               dm_error *err);

#endif
