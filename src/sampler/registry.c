/* Every sampler that can be asked for by name. */
#include "base/compiler.h"
#include "sampler/sampler.h"

#define SAMPLERS(X)                                                                                                    \
	X(ddim)                                                                                                            \
	X(ddpm)                                                                                                            \
	X(dpm_adaptive)                                                                                                    \
	X(dpmpp_2m)                                                                                                        \
	X(euler)                                                                                                           \
	X(euler_ancestral)                                                                                                 \
	X(heun)                                                                                                            \
	X(unipc)

#define DECLARE(name) extern const struct dmi_sampler_type dmi_sampler_##name;
#define ENTRY(name) &dmi_sampler_##name.method,

SAMPLERS(DECLARE)

const struct dmi_method *const *dmi_sampler_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {SAMPLERS(ENTRY)};
	*n = (int32_t)(sizeof registry / sizeof *registry);
	return registry;
}
