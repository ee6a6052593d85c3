/* The kinds of `table` cases, and the schedule that they are about. */
#ifndef TABLE_PARTS_H
#define TABLE_PARTS_H

#include "check.h"
#include "demist.h"

/* more: an option in place of the case's own of that name, or NULL. A case without a schedule gets one that its grid can
 * lie on. */
int table_schedule(const struct test_case *c, const char *more, dm_schedule **out, struct verdict *verdict);

/* schedule, index_of_level, sde, continuous: numbers given and numbers expected, column by column. */
int column_table(const struct test_case *c, struct check *check);

int grid_table(const struct test_case *c, struct check *check);
int respace_table(const struct test_case *c, struct check *check);
int mu_table(const struct test_case *c, struct check *check);
int constants_table(const struct test_case *c, struct check *check);

#endif
