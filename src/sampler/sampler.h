/* The sampler object and the registry of methods. */
#ifndef DMI_SAMPLER_H
#define DMI_SAMPLER_H

#include "base/option.h"
#include "demist/sampler.h"

/* order: of dm_sampler_order, where it depends on the options; NULL: ops.order. check: what options must be to each other. */
struct dmi_sampler_type {
	struct dmi_method method;
	dm_sampler_ops ops;
	int32_t (*order)(const struct dmi_options *given);
	dm_status (*check)(const struct dmi_options *given, dm_error *err);
};

struct dm_sampler {
	struct dmi_object object;
	const char *name;
	dm_sampler_ops ops;
	void *user;
	const dm_option *option;
	int32_t n_option;
	struct dmi_options options;
	char own_name[64]; /* of a sampler of the caller's */
};

enum { DMI_MAX_PAST = 8, DMI_MAX_KEPT = 8, DMI_MAX_MEMORY = 16 };

const struct dmi_method *const *dmi_sampler_registry(int32_t *n);
void dmi_sampler_print(const dm_sampler *sampler, struct dmi_text *text);

#endif
