/* The files and the text that a run leaves behind. */
#ifndef DIGITS_OUTPUT_H
#define DIGITS_OUTPUT_H

#include "args.h"
#include "task.h"
#include "trajectory.h"

/* Whether every file asked for could be written. 0, or -1 and a text. */
int digits_output_check(const struct digits_args *args, struct digits_error *error);

/* samples: args->count images. task, trajectory: NULL where there is none. On a terminal the samples are also shown as
 * text, unless args->quiet. */
int digits_output_write(const struct digits_args *args, const float *samples, const struct digits_task *task,
                        const struct digits_trajectory *trajectory, struct digits_error *error);

#endif
