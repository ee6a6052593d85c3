/* PyTorch's CPU generator: the Mersenne Twister and what it keeps between calls. */
#ifndef DMI_TORCH_CPU_H
#define DMI_TORCH_CPU_H

#include "noise/torch.h"

enum { DMI_TORCH_WORDS = 624 };

struct dmi_torch_cpu {
	uint32_t state[DMI_TORCH_WORDS];
	uint32_t at; /* words of the state that are used up */
	int32_t has_cached;
	double cached; /* the second normal of a pair */
};

/* The low 32 bits of the seed count. */
void dmi_torch_cpu_seed(struct dmi_torch_cpu *g, uint64_t seed);

/* One number of rand, a multiple of 2^-24; one call of randn. */
float dmi_torch_cpu_uniform(struct dmi_torch_cpu *g);
void dmi_torch_cpu_normals(struct dmi_torch_cpu *g, size_t n, const struct dmi_rows *out);

#endif
