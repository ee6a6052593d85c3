/* The normals of PyTorch's CPU generator, float32 (section 8.1 of the format), for cases whose noise comes from there.
 */
#ifndef TORCH_CPU_H
#define TORCH_CPU_H

#include <stddef.h>
#include <stdint.h>

struct torch_cpu {
	uint32_t state[624];
	size_t at;
	double cached; /* second value of a pair, kept across calls */
	int has_cached;
};

void torch_cpu_seed(struct torch_cpu *g, uint32_t seed);

/* One call of randn for n numbers; a uniform of 24 bits. */
void torch_cpu_normals(struct torch_cpu *g, double *out, size_t n);
double torch_cpu_uniform(struct torch_cpu *g);

#endif
