/* What all discrete tables share. */
#ifndef DMI_SCHEDULE_TABLE_H
#define DMI_SCHEDULE_TABLE_H

#include "schedule/schedule.h"
#include <math.h>

enum { DMI_TABLE_MAX = 1000000 };

extern const struct dmi_process dmi_table_process;

/* Room for n entries, to be filled with betas or alpha-bars and then given to one of the two below; NULL and an error.
 */
double *dmi_table_new(dm_schedule *schedule, size_t n, dm_error *err);
dm_status dmi_table_from_betas(dm_schedule *schedule, dm_error *err);
dm_status dmi_table_from_alpha_bars(dm_schedule *schedule, dm_error *err);

/* The rows that every table's options begin with; the first is the number of entries, or the list of a user's table. */
enum {
	DMI_TABLE_T,
	DMI_TABLE_ZERO_SNR,
	DMI_TABLE_FLOOR,
	DMI_TABLE_SNR_SHIFT,
	DMI_TABLE_CONTINUOUS,
	DMI_TABLE_CLIP_LAMBDA,
	DMI_TABLE_T_MIN,
	DMI_TABLE_OWN
};
enum { DMI_ZERO_NONE, DMI_ZERO_EXACT, DMI_ZERO_FLOOR, DMI_ZERO_AFTER_SHIFT };
extern const char *const dmi_zero_snr_forms[5];

#define DMI_TABLE_CHANGES                                                                                              \
	DMI_CHOICE("zero_snr",                                                                                             \
	           "zero terminal SNR: exact; floor: the last alpha-bar is `floor` instead of 0; on_alphas_cumprod: "      \
	           "exact, after snr_shift",                                                                               \
	           0, dmi_zero_snr_forms),                                                                                 \
	    DMI_REAL("floor", "last alpha-bar with zero_snr=floor", 0x1p-24, 1e-30, 0.5),                                  \
	    DMI_REAL("snr_shift", "alpha-bar <- alpha-bar / (c + (1 - c) alpha-bar): SNR divided by c", 1, 1e-6, 1e6),     \
	    DMI_INTEGER("continuous", "1: time t in (0, 1] over the table, entry i at (i+1)/T, ln alpha linear", 0, 0, 1), \
	    DMI_REAL("clip_lambda", "with continuous=1: drop noisy entries whose ln(alpha/sigma) is below",                \
	             (double)-INFINITY, (double)-INFINITY, 100),                                                           \
	    DMI_REAL("t_min", "with continuous=1: time of least noise that grids use; 0: 1/T", 0, 0, 1)
#define DMI_TABLE_OPTIONS DMI_INTEGER("T", "number of table entries", 1000, 1, DMI_TABLE_MAX), DMI_TABLE_CHANGES

/* Table entries, as table.c keeps them: alpha-bar, 1 - alpha-bar, lambda. */
static inline double *dmi_table_alpha_bar(const dm_schedule *s)
{
	return s->data;
}

static inline double *dmi_table_sigma2(const dm_schedule *s)
{
	return s->data + s->n_data / 3;
}

static inline double *dmi_table_lambda(const dm_schedule *s)
{
	return s->data + s->n_data / 3 * 2;
}

/* Refuses options that do nothing without another one. */
dm_status dmi_table_check_options(const dm_schedule *schedule, dm_error *err);

/* zero_snr and snr_shift on the first two columns; n >= 1 entries. */
dm_status dmi_table_change(dm_schedule *schedule, dm_error *err);

/* Turns a finished table into the process over continuous time. */
dm_status dmi_table_make_continuous(dm_schedule *schedule, dm_error *err);

#endif
