#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int digits_fail(struct digits_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -1;
}

int digits_fail_at(struct digits_error *error, const char *option)
{
	const struct digits_error what = *error;

	return digits_fail(error, "--%s: %s", option, what.text);
}
