/* The objects of the library that a case asks for. */
#ifndef SETUP_H
#define SETUP_H

#include "check.h"
#include "demist.h"

struct setup {
	dm_schedule *schedule;
	dm_model *model;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_guidance *guidance;
	dm_plan *plan;
	double sign; /* of the recorded outputs */
};

/* Everything up to the plan of a piece (levels.h). What was made is freed by setup_free, also after a failure. */
int setup_make(struct setup *s, const struct test_case *c, size_t piece, struct check *check);
void setup_free(struct setup *s);

#endif
