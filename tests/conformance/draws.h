/* The noise of a case: recorded vectors, or a stream; the n-th draw that is asked for gets the n-th vector that matters.
 */
#ifndef DRAWS_H
#define DRAWS_H

#include "case.h"
#include "demist.h"
#include "torch_cpu.h"

struct draws {
	const struct test_case *c;
	struct verdict *verdict;
	size_t block; /* where the search for the next recorded vector starts */
	struct draw *draw;
	size_t n;
	struct torch_cpu stream;
	size_t n_streamed; /* vectors taken from it */
};

/* VERDICT_SKIP for a noise source that is not known. */
int draws_start(struct draws *draws, const struct test_case *c, struct verdict *verdict);
void draws_free(struct draws *draws);

/* dm_noise_ops.fill; user is the struct draws. */
dm_status draws_fill(void *user, const dm_request *rq);

#endif
