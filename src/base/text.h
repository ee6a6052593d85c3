/* Text into a fixed buffer, without locale and without stdio. */
#ifndef DMI_TEXT_H
#define DMI_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Writes at most capacity - 1 characters and a NUL; length counts what was wanted, so it tells the size needed. p may
 * be NULL with capacity 0. */
struct dmi_text {
	char *p;
	size_t capacity, length;
};

void dmi_text_put(struct dmi_text *text, const char *s, size_t n);
void dmi_text_string(struct dmi_text *text, const char *s);

/* %s string, %d int32_t, %l int64_t, %z size_t, %g double (shortest exact), %% percent. */
void dmi_text_format(struct dmi_text *text, const char *format, ...);
/* The same; the first %g is also stored in *value where that is not NULL. */
void dmi_text_format_list(struct dmi_text *text, const char *format, va_list list, double *value);

#endif
