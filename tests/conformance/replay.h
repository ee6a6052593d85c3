/* A `run` case, replayed through step mode. */
#ifndef REPLAY_H
#define REPLAY_H

#include "check.h"
#include "demist.h"

/* type: DM_F32 or DM_F64. Recorded outputs first, then, where the case has the exact model, closed-loop. */
int replay_case(const struct test_case *c, int32_t type, struct check *check);

#endif
