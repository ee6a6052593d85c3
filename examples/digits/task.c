#include "task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "layers.h"

enum { SIDE = 28, HOLE_FROM = 8, HOLE_TO = 20, BLUR = 5, FACTOR = 4 };

/* Standard deviation of the blur, in pixels. */
static const double BLUR_WIDTH = 1;

/* ------------------------------------------------------------------------------------------------------- operators */

/* All but a square in the middle. */
static dm_status create_hole(dm_operator **out, dm_error *err)
{
	double mask[DIGITS_PIXELS];

	for (size_t r = 0; r < SIDE; r++)
		for (size_t c = 0; c < SIDE; c++)
			mask[r * SIDE + c] = r < HOLE_FROM || r >= HOLE_TO || c < HOLE_FROM || c >= HOLE_TO;
	return dm_operator_create_mask(out, mask, DIGITS_PIXELS, NULL, err);
}

static dm_status create_blur(dm_operator **out, dm_error *err)
{
	double kernel[BLUR * BLUR], sum = 0;

	for (int r = 0; r < BLUR; r++)
		for (int c = 0; c < BLUR; c++) {
			const double y = r - BLUR / 2, x = c - BLUR / 2;

			sum += kernel[r * BLUR + c] = exp(-(x * x + y * y) / (2 * BLUR_WIDTH * BLUR_WIDTH));
		}
	for (int i = 0; i < BLUR * BLUR; i++)
		kernel[i] /= sum;
	return dm_operator_create_convolution(out, SIDE, SIDE, 1, kernel, BLUR, BLUR, DM_BOUNDARY_REFLECT, NULL, err);
}

static dm_status create_coarse(dm_operator **out, dm_error *err)
{
	return dm_operator_create_average_pool(out, SIDE, SIDE, 1, FACTOR, NULL, err);
}

static dm_status create_whole(dm_operator **out, dm_error *err)
{
	return dm_operator_create_identity(out, DIGITS_PIXELS, NULL, err);
}

dm_status digits_task_operator(dm_operator **out, const struct digits_args *args, dm_error *err)
{
	static dm_status (*const create[])(dm_operator **, dm_error *) = {[DIGITS_TASK_DRAW] = create_coarse,
	                                                                  [DIGITS_TASK_INPAINT] = create_hole,
	                                                                  [DIGITS_TASK_DEBLUR] = create_blur,
	                                                                  [DIGITS_TASK_SUPER_RESOLVE] = create_coarse,
	                                                                  [DIGITS_TASK_DENOISE] = create_whole};

	*out = NULL;
	return create[args->task](out, err);
}

/* ---------------------------------------------------------------------------------------------------- measurements */

int digits_task_create(struct digits_task *task, const struct digits_args *args, struct digits_error *error)
{
	dm_error err;

	*task = (struct digits_task){.count = args->input ? 1 : (size_t)args->count};
	if (digits_task_operator(&task->op, args, &err) != DM_OK)
		return digits_fail(error, "%s", err.message);
	task->n_seen = dm_operator_n_out(task->op);
	task->original = malloc(task->count * DIGITS_PIXELS * sizeof(float));
	task->picture = malloc(task->count * DIGITS_PIXELS * sizeof(float));
	task->measurement = malloc(task->count * task->n_seen * sizeof(double));
	if (!task->original || !task->picture || !task->measurement)
		return digits_fail(error, "out of memory for the measurements");
	return args->input ? digits_input_read(task->original, args->input, error) : 0;
}

void digits_task_free(struct digits_task *task)
{
	dm_operator_free(task->op);
	free(task->original);
	free(task->picture);
	free(task->measurement);
	*task = (struct digits_task){0};
}

/* What a measurement looks like: itself, or A^T y at the brightness of x (the rows of A add up to 1, and no two look at the
 * same pixel). Pixels that it does not see stay 0, grey. */
static dm_status show(const struct digits_task *task, size_t k, dm_error *err)
{
	const double *y = task->measurement + k * task->n_seen;
	double ones[DIGITS_PIXELS], weight[DIGITS_PIXELS], picture[DIGITS_PIXELS];
	dm_status status = DM_OK;

	if (task->n_seen == DIGITS_PIXELS) {
		for (size_t i = 0; i < DIGITS_PIXELS; i++)
			task->picture[k * DIGITS_PIXELS + i] = (float)y[i];
		return DM_OK;
	}
	for (size_t i = 0; i < task->n_seen; i++)
		ones[i] = 1;
	status = dm_operator_adjoint(task->op, ones, weight, err);
	if (status == DM_OK)
		status = dm_operator_adjoint(task->op, y, picture, err);
	for (size_t i = 0; status == DM_OK && i < DIGITS_PIXELS; i++)
		task->picture[k * DIGITS_PIXELS + i] = weight[i] > 0 ? (float)(picture[i] / weight[i]) : 0;
	return status;
}

/* y = A x + noise z, z the unit normals of (seed, sample, DM_DRAW_USER). */
static dm_status measure(const struct digits_task *task, size_t k, uint64_t seed, int64_t sample, double noise,
                         dm_error *err)
{
	double x[DIGITS_PIXELS], z[DIGITS_PIXELS], *y = task->measurement + k * task->n_seen;
	uint32_t draw;
	dm_status status = dm_draw(DM_DRAW_USER, 0, 0, &draw, err);

	for (size_t i = 0; i < DIGITS_PIXELS; i++)
		x[i] = task->original[k * DIGITS_PIXELS + i];
	if (status == DM_OK)
		status = dm_operator_apply(task->op, x, y, err);
	if (status == DM_OK)
		status = dm_normals(seed, sample, draw, 0, task->n_seen, DM_F64, z, err);
	for (size_t i = 0; status == DM_OK && i < task->n_seen; i++)
		y[i] += noise * z[i];
	return status == DM_OK ? show(task, k, err) : status;
}

/* A damaged picture is a measurement by itself; of a mask or of means it has the numbers in all pixels. */
static dm_status take(const struct digits_task *task, int32_t kind, dm_error *err)
{
	if (kind != DIGITS_TASK_DEBLUR)
		return measure(task, 0, 0, 0, 0, err);
	for (size_t i = 0; i < DIGITS_PIXELS; i++)
		task->measurement[i] = task->original[i];
	return show(task, 0, err);
}

int digits_task_measure(struct digits_task *task, const struct digits_args *args, const float *original,
                        struct digits_error *error)
{
	dm_status status = DM_OK;
	dm_error err;

	if (original)
		memcpy(task->original, original, task->count * DIGITS_PIXELS * sizeof(float));
	if (args->measured)
		status = take(task, args->task, &err);
	for (size_t k = 0; k < task->count && status == DM_OK && !args->measured; k++)
		status = measure(task, k, args->seed, args->input ? 0 : (int64_t)(args->first_sample + k), args->noise, &err);
	if (status != DM_OK)
		return digits_fail(error, "%s", err.message);
	if (args->measured) {
		free(task->original);
		task->original = NULL;
	}
	return 0;
}

/* -------------------------------------------------------------------------------------------------- plans and runs */

/* Whether the operator looks at the measurement, not at the value alone. */
static int measures(const dm_row *row)
{
	return row->kind == DM_ROW_MAP && row->stage == 1 && row->map != DM_OPERATOR_GRAM &&
	       row->map != DM_OPERATOR_NORMAL && row->map != DM_OPERATOR_PROJECT;
}

/* A bit for each DM_BOUND_... that the plan reads. */
static unsigned bound_by(const dm_plan *plan)
{
	const dm_row *row;
	unsigned bound = 0;

	for (size_t r = 0; (row = dm_plan_row(plan, r)) != NULL; r++) {
		if (measures(row))
			bound |= 1u << DM_BOUND_MEASUREMENT;
		for (int32_t i = 0; i < row->n_in; i++)
			if (row->in[i].slot >= DM_SLOT_BOUND)
				bound |= 1u << (row->in[i].slot - DM_SLOT_BOUND);
	}
	return bound;
}

int digits_task_check(const struct digits_args *args, const dm_plan *plan, struct digits_error *error)
{
	const unsigned known =
	    1u << DM_BOUND_KNOWN | 1u << DM_BOUND_MASK | 1u << DM_BOUND_REFERENCE | 1u << DM_BOUND_MEASUREMENT;
	const unsigned bound = bound_by(plan);

	if (bound & ~known)
		return digits_fail(error, "--guidance: \"%s\" needs masks of its own, which this program does not have",
		                   args->guidance);
	if (args->task == DIGITS_TASK_DRAW)
		return bound ? digits_fail(error,
		                           "--guidance: \"%s\" needs a measurement, which --task draw does not make; inpaint, "
		                           "deblur, super-resolve and denoise do",
		                           args->guidance)
		             : 0;
	if (bound >> DM_BOUND_MASK & 1 && args->task != DIGITS_TASK_INPAINT)
		return digits_fail(error, "--guidance: \"%s\" needs a mask, which only --task inpaint has", args->guidance);
	if (!bound)
		return digits_fail(
		    error,
		    "--guidance: \"%s\" does not look at the measurement; ddnm, diffpir, pgdm, dps, mmps, ilvr and, "
		    "with --task inpaint, inpaint do",
		    args->guidance);
	return 0;
}

static dm_status bind_mask(const struct digits_task *task, dm_run *run, dm_error *err)
{
	double ones[DIGITS_PIXELS], mask[DIGITS_PIXELS];
	dm_status status;

	for (size_t i = 0; i < task->n_seen; i++)
		ones[i] = 1;
	status = dm_operator_adjoint(task->op, ones, mask, err);
	return status == DM_OK ? dm_run_bind(run, DM_BOUND_MASK, mask, DM_F64, DIGITS_PIXELS, err) : status;
}

dm_status digits_task_bind(const struct digits_task *task, const dm_plan *plan, dm_run *run, dm_error *err)
{
	const struct {
		int32_t which, type;
		const void *data;
		size_t n;
	} arrays[] = {{DM_BOUND_MEASUREMENT, DM_F64, task->measurement, task->count * task->n_seen},
	              {DM_BOUND_KNOWN, DM_F32, task->picture, task->count * DIGITS_PIXELS},
	              {DM_BOUND_REFERENCE, DM_F32, task->picture, task->count * DIGITS_PIXELS}};
	const unsigned bound = bound_by(plan);
	dm_status status = DM_OK;

	for (size_t i = 0; i < sizeof(arrays) / sizeof(*arrays) && status == DM_OK; i++)
		if (bound >> arrays[i].which & 1)
			status = dm_run_bind(run, arrays[i].which, arrays[i].data, arrays[i].type, arrays[i].n, err);
	return status == DM_OK && bound >> DM_BOUND_MASK & 1 ? bind_mask(task, run, err) : status;
}

/* --------------------------------------------------------------------------------------------------------- results */

double digits_task_residual(const struct digits_task *task, const float *samples, size_t count)
{
	double x[DIGITS_PIXELS], seen[DIGITS_PIXELS], sum = 0;

	for (size_t k = 0; k < count; k++) {
		const double *y = task->measurement + (task->count == 1 ? 0 : k) * task->n_seen;

		for (size_t i = 0; i < DIGITS_PIXELS; i++)
			x[i] = samples[k * DIGITS_PIXELS + i];
		dm_operator_apply(task->op, x, seen, NULL);
		for (size_t i = 0; i < task->n_seen; i++)
			sum += (seen[i] - y[i]) * (seen[i] - y[i]);
	}
	return sqrt(sum / (double)(count * task->n_seen));
}

float *digits_task_sheet(const struct digits_task *task, const float *samples, size_t count, size_t *n_column)
{
	const size_t size = DIGITS_PIXELS * sizeof(float);
	float *sheet, *to;

	*n_column = task->original ? 3 : 2;
	to = sheet = malloc(count * *n_column * size);
	for (size_t k = 0; sheet && k < count; k++) {
		const float *const pictures[3] = {task->original, task->picture, samples};

		for (size_t i = 3 - *n_column; i < 3; i++, to += DIGITS_PIXELS)
			memcpy(to, pictures[i] + (i < 2 && task->count == 1 ? 0 : k) * DIGITS_PIXELS, size);
	}
	return sheet;
}
