#include "trajectory.h"

#include <stdlib.h>
#include <string.h>

#include "layers.h"

int digits_trajectory_create(struct digits_trajectory *trajectory, size_t count, int64_t n_step,
                             struct digits_error *error)
{
	*trajectory = (struct digits_trajectory){.rows = count, .columns = DIGITS_TRAJECTORY_COLUMNS, .n_step = n_step};
	if (count > DIGITS_TRAJECTORY_ROWS)
		trajectory->rows = DIGITS_TRAJECTORY_ROWS;
	if (n_step >= 0 && n_step < DIGITS_TRAJECTORY_COLUMNS)
		trajectory->columns = (size_t)n_step;
	trajectory->images = calloc(trajectory->rows * trajectory->columns, DIGITS_PIXELS * sizeof(float));
	return trajectory->images ? 0 : digits_fail(error, "out of memory for the trajectory");
}

void digits_trajectory_free(struct digits_trajectory *trajectory)
{
	free(trajectory->images);
	*trajectory = (struct digits_trajectory){0};
}

static float *image(const struct digits_trajectory *trajectory, size_t row, size_t column)
{
	return trajectory->images + (row * trajectory->columns + column) * DIGITS_PIXELS;
}

/* The column of the next step: as many as there are steps, or the last step of each of `columns` equal parts. Where the
 * number of steps is not known, what passes the last column replaces it. */
static size_t column_of(const struct digits_trajectory *trajectory, size_t step)
{
	const size_t last = trajectory->columns - 1;

	if (trajectory->n_step < 0)
		return step < last ? step : last;
	return step * trajectory->columns / (size_t)trajectory->n_step;
}

static void store(float *to, const dm_request *rq, size_t i)
{
	for (size_t k = 0; k < DIGITS_PIXELS; k++)
		to[k] = rq->x_type == DM_F64 ? (float)((const double *)rq->x0)[i * rq->x_stride + k]
		                             : ((const float *)rq->x0)[i * rq->x_stride + k];
}

dm_status digits_trajectory_step(void *user, const dm_request *rq)
{
	struct digits_trajectory *trajectory = user;

	for (size_t i = 0; i < rq->n_sample; i++) {
		const size_t row = rq->row[i];

		if (row >= trajectory->rows)
			continue;
		const size_t column = column_of(trajectory, trajectory->step[row]++);
		store(image(trajectory, row, column), rq, i);
		trajectory->filled[row] = column + 1;
	}
	return DM_OK;
}

void digits_trajectory_close(struct digits_trajectory *trajectory)
{
	const size_t size = DIGITS_PIXELS * sizeof(float);
	size_t columns = 1;
	float *to = trajectory->images;

	for (size_t row = 0; row < trajectory->rows; row++)
		if (trajectory->filled[row] > columns)
			columns = trajectory->filled[row];
	for (size_t row = 0; row < trajectory->rows; row++)
		for (size_t k = 0; k < columns; k++, to += DIGITS_PIXELS) {
			const size_t last = trajectory->filled[row] ? trajectory->filled[row] - 1 : 0;

			memmove(to, image(trajectory, row, k < last ? k : last), size);
		}
	trajectory->columns = columns;
}
