#include "bench/bench.h"

/* The best the compiler can do on the machine at hand, as if built for it. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&                       \
    !defined(__SANITIZE_ADDRESS__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3", "fp-contract=off")))
#else
#define CLONES
#endif

#define TERMS_2(w) c[w][0] * a[j] + c[w][1] * b[j]
#define TERMS_3(w) TERMS_2(w) + c[w][2] * d[j]
#define TERMS_4(w) TERMS_3(w) + c[w][3] * e[j]
#define TERMS_5(w) TERMS_4(w) + c[w][4] * f[j]
#define TERMS_6(w) TERMS_5(w) + c[w][5] * g[j]
#define TERMS_7(w) TERMS_6(w) + c[w][6] * h[j]

#define READS                                                                                                          \
	const float *a = read[0], *b = read[1], *d = read[2], *e = read[3], *f = read[4], *g = read[5], *h = read[6];      \
	(void)a, (void)b, (void)d, (void)e, (void)f, (void)g, (void)h

/* In place: the arrays written are among those read, as in a step. */
#if defined(__clang__)
#if __has_feature(                                                                                                     \
    address_sanitizer) /* whose checks stand inside the loops: they cannot become vectors, and clang warns */
#define INDEPENDENT
#else
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#endif
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

#define LOOP_1(r)                                                                                                      \
	CLONES static void loop_##r##_1(float *const *write, const float *const *read, const float c[][BENCH_MAX_READ],    \
	                                size_t n)                                                                          \
	{                                                                                                                  \
		READS;                                                                                                         \
		float *x = write[0];                                                                                           \
		INDEPENDENT for (size_t j = 0; j < n; j++) x[j] = TERMS_##r(0);                                                \
	}
#define LOOP_2(r)                                                                                                      \
	CLONES static void loop_##r##_2(float *const *write, const float *const *read, const float c[][BENCH_MAX_READ],    \
	                                size_t n)                                                                          \
	{                                                                                                                  \
		READS;                                                                                                         \
		float *x = write[0], *y = write[1];                                                                            \
		INDEPENDENT for (size_t j = 0; j < n; j++)                                                                     \
		{                                                                                                              \
			float s = TERMS_##r(0), t = TERMS_##r(1);                                                                  \
			x[j] = s;                                                                                                  \
			y[j] = t;                                                                                                  \
		}                                                                                                              \
	}
#define LOOP_3(r)                                                                                                      \
	CLONES static void loop_##r##_3(float *const *write, const float *const *read, const float c[][BENCH_MAX_READ],    \
	                                size_t n)                                                                          \
	{                                                                                                                  \
		READS;                                                                                                         \
		float *x = write[0], *y = write[1], *z = write[2];                                                             \
		INDEPENDENT for (size_t j = 0; j < n; j++)                                                                     \
		{                                                                                                              \
			float s = TERMS_##r(0), t = TERMS_##r(1), u = TERMS_##r(2);                                                \
			x[j] = s;                                                                                                  \
			y[j] = t;                                                                                                  \
			z[j] = u;                                                                                                  \
		}                                                                                                              \
	}

LOOP_1(2)
LOOP_1(3)
LOOP_1(4)
LOOP_2(3)
LOOP_2(4)
LOOP_2(5)
LOOP_2(6)
LOOP_3(7)
LOOP_1(5)

bench_loop *bench_loop_of(int n_read, int n_write)
{
	static bench_loop *const loop[BENCH_MAX_READ][BENCH_MAX_WRITE + 1] = {
	    [2] = {NULL, loop_2_1, NULL, NULL},     [3] = {NULL, loop_3_1, loop_3_2, NULL},
	    [4] = {NULL, loop_4_1, loop_4_2, NULL}, [5] = {NULL, loop_5_1, loop_5_2, NULL},
	    [6] = {NULL, NULL, loop_6_2, NULL},     [7] = {NULL, NULL, NULL, loop_7_3},
	};
	return loop[n_read][n_write];
}
