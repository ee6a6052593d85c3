/* What a setting costs, where it runs, and what it does in few steps. */
#ifndef CERTIFICATES_FACTS_H
#define CERTIFICATES_FACTS_H

#include "certificates/page.h"

/* Whether a setting draws noise, where it could. */
int draws_of(const char *spec);

/* The cells of evaluations, draws (where there are any), history and arrays. */
void say_cost(struct page *page, const char *spec);

/* The table of where every method of the registry runs, and the sentences with which it refuses. */
void say_reach(struct page *page);
void say_refusals(struct page *page);

#endif
