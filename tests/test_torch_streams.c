/* The streams of PyTorch's generators: their numbers, and the sources that serve them to a run. */
#include "run_testing.h"
#include "noise/noise.h"

enum { MOST = 2100 };

static void near(const double *got, const double *want, size_t n, double tol)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs(got[i] - want[i]) <= tol))
			fail_msg("number %zu is %.17g, not %.17g", i, got[i], want[i]);
}

/* n numbers after those of `call` calls of n, on one CPU generator. */
static void cpu_call(uint64_t seed, size_t call, size_t n, float *out)
{
	size_t *size = malloc((call + 1) * sizeof *size);
	float *all = malloc((call + 1) * n * sizeof *all);
	for (size_t i = 0; i <= call; i++)
		size[i] = n;
	DO(dm_torch_cpu_normals(seed, size, call + 1, DM_F32, all, err));
	memcpy(out, all + call * n, n * sizeof *out);
	free(all);
	free(size);
}

/* -------------------------------------------------------------------------------------------------- known answers */

/* Recorded from PyTorch 1.13: torch.manual_seed(0), then torch.randn(5), torch.randn(20), torch.randn(4). */
static void calls_of_the_cpu_generator(void **state)
{
	static const double want[] = {
	    1.5409960746765137,   -0.293428897857666,   -2.1787893772125244, 0.5684312582015991,   -1.0845223665237427,
	    -0.08853142708539963, 0.5238832831382751,   -0.6658713221549988, 0.8503773808479309,   -0.6135830879211426,
	    0.03159274160861969,  -0.4926769733428955,  0.2484147548675537,  0.4396958351135254,   0.11241118609905243,
	    0.6407923698425293,   -0.10230965167284012, 0.7924439907073975,  -0.28966769576072693, 0.05250748619437218,
	    0.5228604674339294,   2.3022053241729736,   -1.4688938856124878, -1.586688756942749,   -1.3985954523086548,
	    0.19186942279338837,  1.2637947797775269,   -1.2904350757598877};
	static const size_t size[] = {5, 20, 4};
	double got[29];
	(void)state;
	DO(dm_torch_cpu_normals(0, size, 3, DM_F64, got, err));
	/* 28 numbers are listed: 5, the 4 + 15 that the recording shows of 20, 4 */
	near(got, want, 5, 1e-6);
	near(got + 5, want + 5, 4, 1e-6);
	near(got + 25, want + 24, 4, 1e-6);
}
