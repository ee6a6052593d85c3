/* "seed=7,first_sample=0,max_eval=10000": the options of a run. */
#ifndef DMI_RUN_OPTIONS_H
#define DMI_RUN_OPTIONS_H

#include "demist/base.h"

struct dmi_run_options {
	uint64_t seed;
	int64_t first_sample, max_eval;
};

/* text may be NULL. first_sample + n_sample must fit 63 bits. */
dm_status dmi_run_options_parse(struct dmi_run_options *out, const char *text, size_t n_sample, dm_error *err);

/* Whether a word (length n) is the name of such an option. */
int dmi_run_option_exists(const char *word, size_t n);

#endif
