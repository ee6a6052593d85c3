/* What the math*.c files share: the bits of a double and numbers made of two doubles.
 *
 * A dmi_dd is the unevaluated sum h + l with |l| at most about half an ulp of h, so it carries some 106 bits. The
 * error-free sums and products are those of Knuth and Dekker (T. J. Dekker, "A floating-point technique for extending
 * the available precision", 1971); they are exact only without contraction and re-association, see compiler.h.
 */
#ifndef DMI_BASE_MATH_PARTS_H
#define DMI_BASE_MATH_PARTS_H

#include <stdint.h>
#include <string.h>

typedef struct {
	double h, l;
} dmi_dd;

static inline uint64_t dmi_bits(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static inline double dmi_from_bits(uint64_t bits)
{
	double x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static inline double dmi_nan(void)
{
	return dmi_from_bits(UINT64_C(0x7ff8000000000000));
}

static inline double dmi_inf(void)
{
	return dmi_from_bits(UINT64_C(0x7ff0000000000000));
}

static inline double dmi_abs(double x)
{
	return dmi_from_bits(dmi_bits(x) & UINT64_C(0x7fffffffffffffff));
}

/* |x| with the sign of s. */
static inline double dmi_with_sign(double x, double s)
{
	uint64_t sign = UINT64_C(1) << 63;
	return dmi_from_bits((dmi_bits(x) & ~sign) | (dmi_bits(s) & sign));
}

static inline int dmi_is_negative(double x)
{
	return (int)(dmi_bits(x) >> 63);
}

/* 2^k for -1022 <= k <= 1023. */
static inline double dmi_pow2(int k)
{
	return dmi_from_bits((uint64_t)(k + 1023) << 52);
}

/* The whole number nearest to x, for |x| < 2^31 (at a tie either neighbour would do for the callers). */
static inline int dmi_nearest(double x)
{
	return (int)(x + (x < 0 ? -0.5 : 0.5));
}

/* c[0] + c[1] x + ... + c[n-1] x^(n-1). */
static inline double dmi_horner(const double *c, int n, double x)
{
	double sum = c[n - 1];
	for (int i = n - 2; i >= 0; i--)
		sum = c[i] + x * sum;
	return sum;
}

/* The upper 26 bits of x, so that x - head has 26 bits too and their products are exact. For |x| < 2^996. */
static inline double dmi_head(double x)
{
	double c = 134217729.0 * x; /* 2^27 + 1 */
	return c - (c - x);
}

static inline dmi_dd dmi_two_sum(double a, double b)
{
	double sum = a + b, part = sum - a;
	return (dmi_dd){sum, (a - (sum - part)) + (b - part)};
}

/* As dmi_two_sum, for |a| >= |b| or a = 0. */
static inline dmi_dd dmi_fast_two_sum(double a, double b)
{
	double sum = a + b;
	return (dmi_dd){sum, b - (sum - a)};
}

static inline dmi_dd dmi_two_prod(double a, double b)
{
	double p = a * b, ah = dmi_head(a), bh = dmi_head(b), al = a - ah, bl = b - bh;
	return (dmi_dd){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static inline dmi_dd dmi_dd_add(dmi_dd a, dmi_dd b)
{
	dmi_dd sum = dmi_two_sum(a.h, b.h);
	return dmi_fast_two_sum(sum.h, sum.l + (a.l + b.l));
}

static inline dmi_dd dmi_dd_mul(dmi_dd a, dmi_dd b)
{
	dmi_dd p = dmi_two_prod(a.h, b.h);
	return dmi_fast_two_sum(p.h, p.l + (a.h * b.l + a.l * b.h));
}

static inline dmi_dd dmi_dd_div(dmi_dd a, dmi_dd b)
{
	double q = a.h / b.h;
	dmi_dd p = dmi_two_prod(q, b.h);
	return dmi_fast_two_sum(q, ((a.h - p.h) - p.l + (a.l - q * b.l)) / b.h);
}

/* exp(x) = 2^k (1 + e) with |e| <= about 0.42; the absolute error of e is below 2^-59. For |x| < 2^20. */
dmi_dd dmi_exp_core(dmi_dd x, int *k);

/* 2^k (1 + e), rounded once, also where that is subnormal; for -1080 < k <= 1024. */
double dmi_exp_finish(dmi_dd e, int k);

/* log(x) with relative error below 2^-65, for finite x > 0. */
dmi_dd dmi_log_dd(double x);

#endif
