/* What the estimate of the clean sample looks like after each step, for the first samples of a run. */
#ifndef DIGITS_TRAJECTORY_H
#define DIGITS_TRAJECTORY_H

#include <stdint.h>

#include "demist.h"
#include "error.h"

enum { DIGITS_TRAJECTORY_ROWS = 10, DIGITS_TRAJECTORY_COLUMNS = 100 };

/* rows x columns images; of more steps than columns an even selection is kept. */
struct digits_trajectory {
	size_t rows, columns;
	int64_t n_step; /* -1: not known */
	size_t step[DIGITS_TRAJECTORY_ROWS], filled[DIGITS_TRAJECTORY_ROWS];
	float *images;
};

int digits_trajectory_create(struct digits_trajectory *trajectory, size_t count, int64_t n_step,
                             struct digits_error *error);
void digits_trajectory_free(struct digits_trajectory *trajectory);

/* A hook for dm_run_on_step; user: the trajectory. The plan has preview=1. */
dm_status digits_trajectory_step(void *user, const dm_request *rq);

/* After the run: narrows the sheet to what was filled and repeats the last estimate of rows that took fewer steps. */
void digits_trajectory_close(struct digits_trajectory *trajectory);

#endif
