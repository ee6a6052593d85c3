/* A `run` case of the sampler `likelihood`. */
#ifndef LIKELIHOOD_CASE_H
#define LIKELIHOOD_CASE_H

#include "check.h"
#include "demist.h"

/* type: DM_F32 or DM_F64. Driven request by request, the exact mixture answers. */
int likelihood_case(const struct test_case *c, int32_t type, struct check *check);

#endif
