/* `table` cases: schedules, grids and maps between levels and times, asked of the library's objects. */
#ifndef TABLE_CASES_H
#define TABLE_CASES_H

#include "check.h"

int table_case(const struct test_case *c, struct check *check);

#endif
