/* The run: one batch, the machine that moves it from request to request. */
#ifndef DMI_RUN_H
#define DMI_RUN_H

#include "array/array.h"
#include "demist/run.h"
#include "noise/noise.h"
#include "plan/plan.h"

enum { DMI_MAX_SLOT = 64, DMI_MAX_ANSWER = 2 * DM_GUIDANCE_MAX_BRANCH + 2 };

/* Rows of the batch that go through the same program together: all of them on a fixed grid or with norm=batch; one
 * sample each in adaptive runs. */
struct dmi_group {
	size_t first, n;         /* rows of the batch */
	size_t position, filled; /* first row in the model's output and input buffers */
	size_t row;              /* next row of the program */
	int32_t done, kept_set;
	int64_t trial, n_draw; /* adaptive runs; n_draw: draws of the accepted trials */
	double h, memory[DMI_MAX_MEMORY];
	dm_node from, to;
};

enum { DMI_PHASE_START, DMI_PHASE_ROWS, DMI_PHASE_ASK, DMI_PHASE_DONE };
enum { DMI_NOT_ASKED, DMI_ASKED, DMI_ASK_AGAIN };
enum { DMI_START_NOISE, DMI_START_STATE, DMI_START_CLEAN };

struct dm_run {
	dm_allocator allocator;
	int32_t own_memory;
	size_t bytes;
	dm_plan *plan;
	dm_array *array;
	dm_noise *noise; /* NULL: philox */
	size_t n_sample, n_element;
	int64_t max_eval;

	/* the caller's hook, and what may come from other threads */
	dm_status (*on_step)(void *user, const dm_request *rq);
	void *on_step_user;
	dmi_atomic_int cancelled;
	int32_t in_callback;

	/* where it stands */
	int32_t phase, started, start_kind;
	int32_t kept_given[DMI_MAX_KEPT];
	size_t cursor, ask_first, ask_end, filled; /* groups; rows of the input buffer in use */
	int32_t asked;                             /* DMI_NOT_ASKED ... : the request at hand */
	int32_t n_noise;                           /* draws of the row at hand that are filled */

	dm_run_info info;
	int32_t shown_slot, shown_x0; /* where the state and the estimate of x0 can be read; -1: nowhere yet */
	double shown_scale;           /* from the state to what stands in shown_slot */

	/* the request */
	dm_request rq;
	void *out[DMI_MAX_ANSWER];    /* rq.out and rq.out_variance; the gradient */
	void *answer[DMI_MAX_ANSWER]; /* where the outputs in use stand, and the cotangent */
	void *noise_out;              /* where the draw at hand belongs */
	dm_branch branch[DM_GUIDANCE_MAX_BRANCH];
	int64_t *rq_sample;
	uint64_t *rq_seed;
	size_t *rq_row;
	double *rq_time, *rq_alpha, *rq_sigma;
	double *rq_time_to, *rq_alpha_to, *rq_sigma_to; /* none where the model knows one time */
	dm_error scratch;                               /* for callbacks when the caller gave no dm_error */

	/* arrays over the rows of the batch */
	uint64_t *seed;
	int64_t *sample;
	int64_t *bad;                 /* [n_sample][max outputs] of a check */
	dm_stats *stats;              /* [n_sample] */
	double *gram, *sum;           /* [n_sample][b][b], [n_sample][b] */
	double *weight, *coefficient; /* [n_sample][b], [n_sample][1 + b] */
	double *error_sum;            /* [n_sample] */
	uint32_t bound;               /* bit i: DM_BOUND_ i is there */
	double *measurement;          /* [n_sample][n_out of the operator] */
	double *operator_x, *operator_result, *operator_work;

	dm_input *in;
	dm_output *job_out;
	void *slot[DMI_MAX_SLOT], *noise_slot[DMI_MAX_BASE];
	size_t slot_bytes[DMI_MAX_SLOT], noise_bytes;
	int32_t n_noise_slot;

	size_t n_group;
	struct dmi_group *group;
	struct dmi_compiler *compiler;    /* adaptive runs */
	struct dmi_program trial_program; /* adaptive runs */
	size_t loaded_group;              /* whose trial stands in trial_program */
	int64_t loaded_trial;
};

/* memory.c: sizes and places. */
dm_status dmi_run_layout(dm_run *run, char *memory, size_t *bytes, dm_error *err);

/* rows.c: brings one group to its next evaluation or its end. DM_EVAL: a request was made on the way. */
dm_status dmi_run_rows(dm_run *run, struct dmi_group *g, dm_error *err);
/* The start state of all rows. */
dm_status dmi_run_start(dm_run *run, dm_error *err);
/* The program a group follows, with the trial at hand loaded. */
dm_status dmi_run_program(dm_run *run, struct dmi_group *g, const struct dmi_program **program, dm_error *err);
/* The memory of a slot for a group. */
void *dmi_run_slot(const dm_run *run, const struct dmi_group *g, int32_t slot, size_t *stride, int32_t *type);

/* Where the answer that a slot belongs to stands among those of the run; -1: the slot is no answer. */
int32_t dmi_run_answer_index(int32_t slot);

/* bind.c: arrays of the caller's. What the guidance's operator makes of a value; whether all that is needed is bound. */
dm_status dmi_run_operate(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err);
dm_status dmi_run_check_bound(const dm_run *run, dm_error *err);

/* adaptive.c: the next trial's nodes and program; what follows from an error estimate. */
dm_status dmi_run_load_trial(dm_run *run, struct dmi_group *g, dm_error *err);
dm_status dmi_run_judge_trial(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err);
dm_status dmi_run_begin_trials(dm_run *run, struct dmi_group *g, dm_error *err);
void dmi_run_end_trial(dm_run *run, struct dmi_group *g);
/* A group's rows in the buffers of answers close the gap that groups at their end leave. */
dm_status dmi_run_move_answers(dm_run *run, struct dmi_group *g, size_t position, dm_error *err);

/* ask.c: requests. */
dm_status dmi_run_ask_model(dm_run *run, dm_error *err);
dm_status dmi_run_take_answer(dm_run *run, dm_error *err);
void dmi_run_ask_step(dm_run *run, struct dmi_group *g, const dm_row *row);
/* The k-th draw of a row, of a step, into its noise slot. DM_EVAL: it must be asked for. */
dm_status dmi_run_fill_noise(dm_run *run, struct dmi_group *g, int32_t k, const dm_operand *draw, int64_t step,
                             dm_error *err);
/* Makes the noise request at hand ready to be filled (again). */
dm_status dmi_run_poison_noise(dm_run *run, dm_error *err);

/* A non-zero code of the array backend as an error. */
dm_status dmi_run_array_error(dm_error *err, const char *what, dm_status code);

#endif
