/* The normals of PyTorch's generators, float32: numbers that come in calls of randn, one after another. */
#ifndef DMI_TORCH_H
#define DMI_TORCH_H

#include "noise/noise.h"

/* Where the numbers of a call go: rows of n_element numbers of type DM_F32 or DM_F64, stride elements apart. */
struct dmi_rows {
	void *data;
	int32_t type;
	size_t n_element, stride;
};

/* Numbers first .. first + n - 1 of the call, counted through all rows. */
void dmi_rows_put(const struct dmi_rows *rows, size_t first, size_t n, const float *value);

/* dm_noise_ops.fill of a source whose type has a call; user is the noise. */
dm_status dmi_torch_fill(void *user, const dm_request *rq);

extern const struct dmi_noise_type dmi_noise_torch_cpu, dmi_noise_torch_cuda;

/* The call-th call (from 0) of n numbers of a generator all of whose calls are of n numbers. */
void dmi_torch_cpu_call(uint64_t seed, uint64_t call, size_t n, const struct dmi_rows *out);
void dmi_torch_cuda_call(uint64_t seed, uint64_t call, size_t n, const struct dmi_rows *out);

#endif
