/* Betas evenly spaced from beta_start to beta_end, both included (Ho et al. 2020, section 4):
 *
 *     linear         beta_i between the two as they are
 *     guided_linear  both times 1000/T, so that a shorter table ends at about the same noise (Dhariwal and Nichol 2021)
 *     amplitude      beta_i = beta_end (i+1)/T: the step x_i = sqrt(1 - beta_end i/T) x_(i-1) + ..., i = 1 .. T, of the
 *                    tutorial literature */
#include "base/compiler.h"
#include "schedule/table.h"

enum { BETA_START = DMI_TABLE_OWN, BETA_END };
enum { AMPLITUDE_END = DMI_TABLE_OWN };

static dm_status fill(dm_schedule *s, double start, double end, dm_error *err)
{
	size_t n = (size_t)s->options.value[DMI_TABLE_T];
	double *beta = dmi_table_new(s, n, err);
	if (!beta)
		return DM_ERR_MEMORY;
	for (size_t i = 0; i < n; i++)
		beta[i] = dmi_even(start, end, i, n);
	return dmi_table_from_betas(s, err);
}

static dm_status setup(dm_schedule *s, dm_error *err)
{
	return fill(s, s->options.value[BETA_START], s->options.value[BETA_END], err);
}

static dm_status setup_guided(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	double k = 1000 / option[DMI_TABLE_T];
	return fill(s, k * option[BETA_START], k * option[BETA_END], err);
}

static dm_status setup_amplitude(dm_schedule *s, dm_error *err)
{
	double end = s->options.value[AMPLITUDE_END];
	return fill(s, end / s->options.value[DMI_TABLE_T], end, err);
}

#define BETAS(suffix)                                                                                                  \
	{                                                                                                                  \
		DMI_TABLE_OPTIONS, DMI_REAL("beta_start", "beta of the first entry" suffix, 1e-4, 0, 1),                       \
		    DMI_REAL("beta_end", "beta of the last entry" suffix, 0.02, 0, 1)                                          \
	}
static const dm_option options[] = BETAS(""), guided_options[] = BETAS(" of a table of 1000");
static const dm_option amplitude_options[] = {
    DMI_TABLE_OPTIONS,
    DMI_REAL("beta_end", "beta of the last entry", 0.02, 0, 1),
};

const struct dmi_schedule_family dmi_schedule_linear = {
    DMI_METHOD_KNOWN("linear", "discrete table, betas evenly spaced", "Ho et al. 2020 (DDPM), section 4", options,
                     "diffusers: linear (beta_schedule); k-diffusion: DiscreteEpsDDPMDenoiser (over the model's "
                     "table); ComfyUI: sqrt_linear (beta_schedule)"),
    &dmi_table_process,
    setup,
};
const struct dmi_schedule_family dmi_schedule_guided_linear = {
    DMI_METHOD("guided_linear", "linear, betas scaled by 1000/T", "Dhariwal and Nichol 2021 (guided-diffusion)",
               guided_options),
    &dmi_table_process,
    setup_guided,
};
const struct dmi_schedule_family dmi_schedule_amplitude = {
    DMI_METHOD("amplitude", "discrete table, step factor sqrt(1 - beta_end i/T)", "tutorials, e.g. Keras-DDPM",
               amplitude_options),
    &dmi_table_process,
    setup_amplitude,
};
