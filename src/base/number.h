/* Text of numbers that does not depend on the locale: strtod and printf write and expect a decimal comma in some. */
#ifndef DMI_BASE_NUMBER_H
#define DMI_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Room every print function needs, the closing NUL included. */
#define DMI_NUMBER_SIZE 32

/* Reads the longest number at `text` (no leading space is skipped): sign, decimal digits with an optional '.', and an
 * optional exponent; a C hexadecimal float such as 0x1.8p-3; or inf, infinity, nan in any case. Correctly rounded
 * (half to even) for any number of digits; too large gives an infinity, too small a subnormal or a zero.
 * Returns the place just past the number, or NULL, with *out untouched, if there is none. */
const char *dmi_number_parse(const char *text, double *out);

/* The shortest decimal text that parses back to the same double, and of those the nearest to it. It is valid in C,
 * JSON and Python: "0.1", "1e-07", "15", "-2.5e+300"; no exponent from 1e-4 up to below 1e15. Negative zero is "-0.0"
 * (as "-0" it would be an integer that lost its sign). Infinities and NaN are "inf", "-inf", "nan".
 * All print functions close the text with a NUL and return its length without it. */
size_t dmi_number_print(double value, char *out);

/* Exact hexadecimal text with a leading 1, for subnormals too: "0x1.8p-3", "0x0p+0", "-0x1p-1074". */
size_t dmi_number_print_hex(double value, char *out);

size_t dmi_number_print_int(int64_t value, char *out);

#endif
