/* What all discrete tables share. */
#ifndef DMI_SCHEDULE_TABLE_H
#define DMI_SCHEDULE_TABLE_H

#include "schedule/schedule.h"

enum { DMI_TABLE_MAX = 1000000 };

extern const struct dmi_process dmi_table_process;

/* Room for n entries, to be filled with betas or alpha-bars and then given to one of the two below; NULL and an error.
 */
double *dmi_table_new(dm_schedule *schedule, size_t n, dm_error *err);
dm_status dmi_table_from_betas(dm_schedule *schedule, dm_error *err);
dm_status dmi_table_from_alpha_bars(dm_schedule *schedule, dm_error *err);

/* The number of entries as the first option of a table given by a rule. */
#define DMI_TABLE_SIZE DMI_INTEGER("T", "number of table entries", 1000, 1, DMI_TABLE_MAX)

#endif
