/* The probability of an interval under the standard normal, in logarithms: with Q(x) = erfc(x / sqrt 2) / 2 and the scaled
 * function erfcx(x) = e^(x^2) erfc(x), which does not underflow,
 *
 *     Q(a) - Q(b) = e^(-a^2 / 2) (erfcx(a / sqrt 2) - e^((a^2 - b^2) / 2) erfcx(b / sqrt 2)) / 2,    0 <= a < b
 */
#include "base/compiler.h"
#include "likelihood/likelihood.h"
#include "base/math.h"
#include <math.h>

static const double inverse_sqrt_pi = 0.5641895835477563, sqrt_half = 0.7071067811865476;

/* x >= 0. Below 2 by the series of erf, whose terms are positive (DLMF 7.6.2); from there on by the continued fraction of
 * erfc (DLMF 7.9.1). Within 1e-13. */
static double erfcx(double x)
{
	enum { N_TERM = 60 };
	if (x >= 2) {
		double d = x;
		for (int k = N_TERM; k > 0; k--)
			d = x + k / (2 * d);
		return inverse_sqrt_pi / d;
	}
	double term = x, sum = x;
	for (int k = 1; k < N_TERM; k++) {
		term *= 2 * x * x / (2 * k + 1);
		sum += term;
	}
	return dmi_exp(x * x) - 2 * inverse_sqrt_pi * sum;
}

/* ln(Q(a) - Q(b)), 0 <= a < b. */
static double log_tail(double a, double b)
{
	double near = erfcx(a * sqrt_half), far = b < INFINITY ? erfcx(b * sqrt_half) * dmi_exp((a - b) * (a + b) / 2) : 0;
	return dmi_log((near - far) / 2) - a * a / 2;
}

static double tail(double x)
{
	return x < INFINITY ? dmi_exp(-x * x / 2) * erfcx(x * sqrt_half) / 2 : 0;
}

double dmi_log_normal_bin(double low, double high)
{
	if (low >= 0)
		return log_tail(low, high);
	if (high <= 0)
		return log_tail(-high, -low);
	return dmi_log1p(-(tail(-low) + tail(high)));
}
