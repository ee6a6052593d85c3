/* From the settings of a case to the specs of demist. What a case can ask for stands in tables: a method that the
 * library gains is one more row. */
#ifndef TRANSLATE_H
#define TRANSLATE_H

#include "case.h"

enum { SPEC_SIZE = 1024 };

/* Each writes a spec, or gives VERDICT_SKIP with the setting that is missing: "sampler deis", "sampler.variance
 * learned". */
int translate_schedule(const struct test_case *c, char *spec, struct verdict *verdict);
int translate_sampler(const struct test_case *c, char *spec, struct verdict *verdict);
int translate_guidance(const struct test_case *c, char *spec, struct verdict *verdict);

/* The named grid with that many steps. */
int translate_grid(const struct test_case *c, size_t steps, char *spec, struct verdict *verdict);

/* sign: what the recorded outputs are multiplied by before the library gets them. */
int translate_model(const struct test_case *c, char *spec, double *sign, struct verdict *verdict);

/* Whether the method's own evaluations receive the fraction of their index although the nodes of the grid receive whole
 * ones: those times are then said node by node. */
int only_grid_times_are_whole(const struct test_case *c);

/* A model of which only the times are wanted. */
int translate_clock(const struct test_case *c, char *spec, struct verdict *verdict);

/* A kind of prediction under the library's name, NULL where it has none. */
const char *translate_prediction(const char *kind, double *sign);

#endif
