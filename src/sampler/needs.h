/* Options that only mean something beside another one. */
#ifndef DMI_NEEDS_H
#define DMI_NEEDS_H

#include "sampler/sampler.h"

/* An option has an effect only where another one has this value. */
struct dmi_need {
	int option, other;
	double value;
};

/* Refuses an option that was given another value than its default without that effect. */
dm_status dmi_check_needs(const char *sampler, const dm_option *table, const struct dmi_options *given,
                          const struct dmi_need *need, size_t n, dm_error *err);

#endif
