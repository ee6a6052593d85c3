/* Inverse problems: digits that are known through a measurement y = A x + noise. */
#ifndef DIGITS_TASK_H
#define DIGITS_TASK_H

#include "args.h"
#include "demist.h"

/* The numbers of a measurement are n_seen; there are `count` of them, one for each sample or one for all. */
struct digits_task {
	dm_operator *op; /* NULL: nothing is measured */
	size_t n_seen, count;
	float *original;     /* count pictures; NULL where they are not known */
	double *measurement; /* count x n_seen */
	float *picture;      /* the measurements as pictures */
};

/* The measurement of --task; of draw, where nothing is measured, a low-pass (for fdg): means of squares. */
dm_status digits_task_operator(dm_operator **out, const struct digits_args *args, dm_error *err);

/* Reads the input, if there is one. 0, or -1 and a text. */
int digits_task_create(struct digits_task *task, const struct digits_args *args, struct digits_error *error);
void digits_task_free(struct digits_task *task);

/* Makes the measurements, with noise of the run's seed. original: args->count pictures; NULL where there is an input.
 * 0, or -1 and a text. */
int digits_task_measure(struct digits_task *task, const struct digits_args *args, const float *original,
                        struct digits_error *error);

/* Whether the plan looks at the measurement, where there is one, and at nothing else from outside. 0, or -1 and a text. */
int digits_task_check(const struct digits_args *args, const dm_plan *plan, struct digits_error *error);

/* Binds what the plan reads: the measurement itself, and its picture as known part (with the mask) or as reference. */
dm_status digits_task_bind(const struct digits_task *task, const dm_plan *plan, dm_run *run, dm_error *err);

/* The root of the mean of (A x - y)^2 over all samples. */
double digits_task_residual(const struct digits_task *task, const float *samples, size_t count);

/* Rows of pictures side by side, for a sheet: original where known, measurement, sample. n_column: how many of them. NULL
 * where memory ran out; to be freed. */
float *digits_task_sheet(const struct digits_task *task, const float *samples, size_t count, size_t *n_column);

#endif
