/* What the operations share. */
#ifndef OP_PARTS_H
#define OP_PARTS_H

#include "check.h"
#include "demist.h"

/* An op with its tensors: every array of the case that has the size of `shape`. */
struct op {
	const struct test_case *c;
	int32_t type;
	struct check *check;
	size_t n_sample, n_element, n;
	double *result, *other; /* room for one tensor each */
};

/* The numbers of an array with one number per element of the shape; NULL and a FAIL where it is missing. */
const double *op_tensor(const struct op *op, const char *name);

int op_check(const struct op *op, const char *name, const double *value);

/* The node of batch entry i: at its table index, or at its level. */
int op_node(const struct op *op, const char *schedule, size_t i, dm_node *node);

/* The operations around noise and training. */
int op_rng_torch_cpu(const struct op *op);
int op_rng_philox(const struct op *op);
int op_slerp(const struct op *op);
int op_weight(const struct op *op);
int op_ancestral_split(const struct op *op);

#endif
