/* Discrete tables that the library does not name yet, as a caller would bring them: alpha-bars by section 4 of the
 * format. */
#ifndef USER_TABLE_H
#define USER_TABLE_H

#include "case.h"
#include "demist.h"

/* VERDICT_SKIP for betas or a setting that is not known here either. */
int user_table(const struct test_case *c, dm_schedule **out, struct verdict *verdict);

#endif
