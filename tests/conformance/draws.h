/* The noise of a case: recorded vectors, of which the n-th draw that is asked for gets the n-th that matters; or a stream
 * of the library's. */
#ifndef DRAWS_H
#define DRAWS_H

#include "case.h"
#include "demist.h"

struct draws {
	const struct test_case *c;
	struct verdict *verdict;
	size_t block; /* where the search for the next recorded vector starts */
	struct draw *draw;
	size_t n;
};

void draws_start(struct draws *draws, const struct test_case *c, struct verdict *verdict);
void draws_free(struct draws *draws);

/* The source for a run, and the options that the run then needs. VERDICT_SKIP for one that is not known. */
int draws_source(struct draws *draws, dm_noise **noise, char options[64]);

#endif
