/* A run of one step to the clean end: its result is the prediction of x0, so whatever turns outputs into x0 can be
 * looked at through it. */
#ifndef SINGLE_H
#define SINGLE_H

#include "case.h"
#include "demist.h"

struct single {
	const char *schedule, *model, *guidance;
	dm_node from;            /* where the step starts; t and time may be NaN */
	const double *x, *noise; /* the state there; with noise x is a clean sample to be noised */
	const double *output[2]; /* of the branch with the condition and of the one without */
	const double *later[2];  /* their outputs at a second evaluation, with less noise; NULL: there is none */
	int32_t type;            /* DM_F32 or DM_F64 */
	size_t n_sample, n_element;
	double *seen, *result, *time; /* out, each may be NULL: the model's input, the prediction of x0, the time */
	double *later_result;         /* out: the prediction of x0 at the second evaluation */
};

int single_run(const struct single *one, struct verdict *verdict);

#endif
