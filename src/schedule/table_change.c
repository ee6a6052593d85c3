/* Changes to a finished table.
 *
 * Zero terminal SNR (Lin et al. 2023, algorithm 1): with r = sqrt(alpha-bar), r_i <- (r_i - r_last) k, k = r_0 / (r_0 -
 * r_last): the first entry stays, the last one becomes 0. SNR shift: alpha-bar <- alpha-bar / (c + (1 - c) alpha-bar),
 * which divides alpha-bar / (1 - alpha-bar) by c. Both are written so that 1 - alpha-bar keeps its digits where it is
 * small. */
#include "base/compiler.h"
#include "schedule/table.h"
#include "base/error.h"
#include <math.h>

const char *const dmi_zero_snr_forms[5] = {"none", "exact", "floor", "on_alphas_cumprod", NULL};

/* 1 - r_i' = (1 - r_0) + k (r_0 - r_i), and r_0 - r_i = (v_i - v_0) / (r_0 + r_i) with v = 1 - alpha-bar. */
static dm_status zero_terminal(dm_schedule *s, dm_error *err)
{
	double *a = dmi_table_alpha_bar(s), *v = dmi_table_sigma2(s);
	size_t n = s->n_table;
	double first = sqrt(a[0]), v_first = v[0], last = sqrt(a[n - 1]);
	if (!(last < first))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": zero_snr needs alpha-bars that fall, not %g to %g",
		                s->method->info.name, a[0], a[n - 1]);
	for (size_t i = 0; i < n; i++) {
		double k = first / (first - last), r = sqrt(a[i]);
		double lost = v_first / (1 + first) + k * (v[i] - v_first) / (first + r), kept = (r - last) * k;
		a[i] = kept * kept;
		v[i] = lost * (1 + kept);
	}
	v[n - 1] = 1;
	return DM_OK;
}

static dm_status lay_floor(dm_schedule *s, double floor, dm_error *err)
{
	double *a = dmi_table_alpha_bar(s);
	size_t last = s->n_table - 1;
	if (!(floor < a[last - 1]))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "schedule \"%s\": zero_snr=floor makes the last alpha-bar rise: floor = %g is outside (0, %g)",
		                s->method->info.name, floor, a[last - 1]);
	a[last] = floor;
	dmi_table_sigma2(s)[last] = 1 - floor;
	return DM_OK;
}

static void shift(dm_schedule *s, double c)
{
	double *a = dmi_table_alpha_bar(s), *v = dmi_table_sigma2(s);
	for (size_t i = 0; i < s->n_table; i++) {
		double q = a[i] + c * v[i];
		a[i] /= q;
		v[i] = c * v[i] / q;
	}
}

static dm_status needs(const dm_schedule *s, int32_t k, const char *what, dm_error *err)
{
	return dmi_option_needs(&s->options, "schedule", s->method->info.name, s->method->option, k, what, err);
}

dm_status dmi_table_check_options(const dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	dm_status st =
	    option[DMI_TABLE_ZERO_SNR] == DMI_ZERO_FLOOR ? DM_OK : needs(s, DMI_TABLE_FLOOR, "zero_snr=floor", err);
	if (st == DM_OK && option[DMI_TABLE_CONTINUOUS] != 1)
		st = needs(s, DMI_TABLE_CLIP_LAMBDA, "continuous=1 (grids over a table have a clip_lambda of their own)", err);
	if (st == DM_OK && option[DMI_TABLE_CONTINUOUS] != 1)
		st = needs(s, DMI_TABLE_T_MIN, "continuous=1", err);
	return st;
}

dm_status dmi_table_change(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	int form = (int)option[DMI_TABLE_ZERO_SNR];
	dm_status st = form == DMI_ZERO_EXACT || form == DMI_ZERO_FLOOR ? zero_terminal(s, err) : DM_OK;
	if (st == DM_OK && form == DMI_ZERO_FLOOR)
		st = lay_floor(s, option[DMI_TABLE_FLOOR], err);
	if (option[DMI_TABLE_SNR_SHIFT] != 1)
		shift(s, option[DMI_TABLE_SNR_SHIFT]);
	return st == DM_OK && form == DMI_ZERO_AFTER_SHIFT ? zero_terminal(s, err) : st;
}
