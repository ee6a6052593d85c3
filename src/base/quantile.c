/* Beta: the root of ln I_x(a, b) = ln p by Newton's method in ln x, in which that is nearly a straight line where x is
 * small, held inside a bracket. I_x is the continued fraction of Abramowitz and Stegun 26.5.8,
 *
 *     I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * 1/(1+ d_1/(1+ d_2/(1+ ...))),
 *     d_2m = m (b-m) x / ((a+2m-1)(a+2m)),  d_2m+1 = -(a+m)(a+b+m) x / ((a+2m)(a+2m+1)),
 *
 * where x < (a+1)/(a+b+2), else 1 - I_(1-x)(b, a). ln of the gamma function: Lanczos' series with g = 7.
 *
 * Normal: the rational functions of Wichura 1988 (algorithm AS 241, PPND16). */
#include "base/compiler.h"
#include "base/quantile.h"
#include "base/math.h"
#include <math.h>

/* ------------------------------------------------------------------------------------------------------------ beta */

static double log_gamma(double x)
{
	static const double c[] = {0.99999999999980993,  676.5203681218851,     -1259.1392167224028,
	                           771.32342877765313,   -176.61502916214059,   12.507343278686905,
	                           -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
	const double half_log_two_pi = 0.91893853320467274;
	double sum = c[0], t = x + 7.5; /* of gamma(x + 1) */
	for (int i = 1; i < 9; i++)
		sum += c[i] / (x + i);
	return half_log_two_pi + (x + 0.5) * dmi_log(t) - t + dmi_log(sum) - dmi_log(x);
}

static double log_beta(double a, double b)
{
	return log_gamma(a) + log_gamma(b) - log_gamma(a + b);
}

/* 1 + d_1/(1 + d_2/(1 + ...)), from the front (Lentz's method). */
static double fraction(double x, double a, double b)
{
	const double tiny = 1e-300;
	double c = 1, d = 0, value = 1;
	for (int j = 1; j < 2000; j++) {
		double m = (double)(j / 2), term;
		if (j % 2)
			term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		else
			term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		d = 1 + term * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + term / c;
		c = fabs(c) < tiny ? tiny : c;
		value *= c * d;
		if (fabs(c * d - 1) < 1e-16)
			break;
	}
	return value;
}

/* ln I_x(a, b); *slope: its derivative with respect to ln x. */
static double log_cdf(double x, double a, double b, double ln_beta, double *slope)
{
	double power = a * dmi_log(x) + b * dmi_log1p(-x) - ln_beta, ln_cdf;
	if (x < (a + 1) / (a + b + 2))
		ln_cdf = power - dmi_log(fraction(x, a, b) * a);
	else
		ln_cdf = dmi_log1p(-dmi_exp(power) / (fraction(1 - x, b, a) * b));
	*slope = dmi_exp(power - dmi_log1p(-x) - ln_cdf);
	return ln_cdf;
}

/* For x below the mean. */
static double lower_quantile(double p, double a, double b)
{
	double ln_beta = log_beta(a, b), ln_p = dmi_log(p), low = -INFINITY, high = 0, slope;
	double u = fmin((ln_p + dmi_log(a) + ln_beta) / a, -1e-3); /* the power law of small x */
	if (u < -700)
		return dmi_exp(u);
	for (int i = 0; i < 100; i++) {
		double excess = log_cdf(dmi_exp(u), a, b, ln_beta, &slope) - ln_p;
		if (excess > 0)
			high = u;
		else
			low = u;
		double next = u - excess / slope;
		if (!(next > low && next < high))
			next = low > -INFINITY ? low / 2 + high / 2 : 2 * u;
		if (fabs(next - u) <= 4e-16 * fabs(u) || next == u)
			return dmi_exp(next);
		u = next;
	}
	return dmi_exp(u);
}

double dmi_beta_quantile(double p, double a, double b)
{
	double slope, mean = a / (a + b);
	if (!(p > 0 && p < 1))
		return p > 0 ? 1 : 0;
	if (a == b && p == 0.5)
		return 0.5;
	if (dmi_log(p) <= log_cdf(mean, a, b, log_beta(a, b), &slope))
		return lower_quantile(p, a, b);
	return 1 - lower_quantile(1 - p, b, a);
}

/* ---------------------------------------------------------------------------------------------------------- normal */

/* Numerator and denominator of degree 7, the constant term first. */
struct rational {
	double top[8], bottom[8];
};

static double ratio(const struct rational *r, double x)
{
	double top = 0, bottom = 0;
	for (int k = 7; k >= 0; k--) {
		top = top * x + r->top[k];
		bottom = bottom * x + r->bottom[k];
	}
	return top / bottom;
}

static const struct rational central = {
    {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3},
    {1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
     3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3}};
static const struct rational middle = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}};
static const struct rational outer = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
     1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}};

double dmi_normal_quantile(double p)
{
	double q = p - 0.5;
	if (!(p > 0 && p < 1))
		return p > 0 ? INFINITY : -INFINITY;
	if (fabs(q) <= 0.425)
		return q * ratio(&central, 0.180625 - q * q);
	double r = sqrt(-dmi_log(q < 0 ? p : 1 - p));
	double z = r <= 5 ? ratio(&middle, r - 1.6) : ratio(&outer, r - 5);
	return q < 0 ? -z : z;
}
