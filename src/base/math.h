/* Elementary functions of double that give the same bits with every compiler, optimisation and processor.
 *
 * The C library's exp, log, sin, ... differ in the last bits between platforms, and a plan or a noise array made on
 * one machine has to be the same on another. These use only + - * / sqrt, comparisons and integer work on the bits.
 * NaN results are always the one quiet NaN 0x7ff8000000000000; zeros keep the sign C99 asks for. Rounding to nearest
 * is assumed; the floating-point exception flags mean nothing.
 *
 * Largest error found, in units in the last place (correct rounding would be 0.5), against libquadmath over 5 million
 * random arguments each: the whole range, subnormals, and the neighbourhoods of zeros, poles and range joins.
 *
 *   exp   0.531   log   0.526   sin  0.785   atan   0.538
 *   expm1 0.616   log1p 0.530   cos  0.773   atan2  0.541
 *   tanh  0.585   pow   0.526   tan  0.857   sqrt   0.5
 */
#ifndef DMI_BASE_MATH_H
#define DMI_BASE_MATH_H

/* In place of the macros of math.h, which warn with some compilers. */
static inline int dmi_is_finite(double x)
{
	return x - x == 0;
}

static inline int dmi_is_nan(double x)
{
	return x != x;
}

double dmi_exp(double x);
double dmi_expm1(double x);
double dmi_log(double x);
double dmi_log1p(double x);

/* As C99 pow: also negative bases with integer exponents, and pow(x, 0) = pow(1, y) = 1 even for NaN. */
double dmi_pow(double x, double y);

/* Any finite argument is reduced exactly. */
double dmi_sin(double x);
double dmi_cos(double x);
double dmi_tan(double x);

double dmi_atan(double x);
double dmi_atan2(double y, double x);
double dmi_tanh(double x);
double dmi_sqrt(double x);

#endif
