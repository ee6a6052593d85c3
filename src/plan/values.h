/* The values of an interval, one after the other: their expressions, and the rows of what is no weighted sum. */
#ifndef DMI_VALUES_H
#define DMI_VALUES_H

#include "plan/compile.h"

dm_status dmi_values(struct dmi_compiler *c, dm_error *err);

#endif
