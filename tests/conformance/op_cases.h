/* `op` cases: operations of the library on given tensors. */
#ifndef OP_CASES_H
#define OP_CASES_H

#include "check.h"
#include <stdint.h>

/* type: DM_F32 or DM_F64, where the operation works on arrays. */
int op_case(const struct test_case *c, int32_t type, struct check *check);

#endif
