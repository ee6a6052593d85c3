/* PyTorch's CUDA generator: Philox4x32-10 with one thread, so one counter, for every number:
 *
 *     counter = {call low, call high, i low, i high}    key = {seed low, seed high}
 *     value = sqrt(-2 ln u) sin(2 pi v),    u = (w0 + 1/2) / 2^32,    v = (w1 + 1/2) / 2^32
 *
 * A call moves the counter on by one while it has no more numbers than the device has threads. */
#include "base/compiler.h"
#include "noise/torch.h"
#include "base/math.h"
#include "noise/philox.h"
#include <math.h>

static float normal(uint64_t seed, uint64_t call, uint64_t i)
{
	uint32_t c[4] = {(uint32_t)call, (uint32_t)(call >> 32), (uint32_t)i, (uint32_t)(i >> 32)};
	dmi_philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
	double u = (double)c[0] * 0x1p-32 + 0x1p-33, v = (double)c[1] * 0x1p-32 + 0x1p-33;
	return (float)(sqrt(-2 * dmi_log(u)) * dmi_sin(6.283185307179586 * v));
}

void dmi_torch_cuda_call(uint64_t seed, uint64_t call, size_t n, const struct dmi_rows *out)
{
	for (size_t i = 0; i < n; i++) {
		float value = normal(seed, call, i);
		dmi_rows_put(out, i, 1, &value);
	}
}
