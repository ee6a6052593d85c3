#include "base/compiler.h"
#include "base/text.h"
#include "base/number.h"
#include <string.h>

void dmi_text_put(struct dmi_text *text, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++, text->length++)
		if (text->length + 1 < text->capacity)
			text->p[text->length] = s[i];
	if (text->capacity)
		text->p[text->length < text->capacity ? text->length : text->capacity - 1] = 0;
}

void dmi_text_string(struct dmi_text *text, const char *s)
{
	dmi_text_put(text, s, strlen(s));
}

void dmi_text_format_list(struct dmi_text *text, const char *format, va_list list, double *value)
{
	char number[40];
	int seen = 0;
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			dmi_text_put(text, f, 1);
			continue;
		}
		switch (*++f) {
		case 's':
			dmi_text_string(text, va_arg(list, const char *));
			break;
		case 'd':
			dmi_text_put(text, number, dmi_number_print_int(va_arg(list, int32_t), number));
			break;
		case 'l':
			dmi_text_put(text, number, dmi_number_print_int(va_arg(list, int64_t), number));
			break;
		case 'z': { /* a tenth of it fits into a signed number */
			size_t v = va_arg(list, size_t);
			if (v >= 10)
				dmi_text_put(text, number, dmi_number_print_int((int64_t)(v / 10), number));
			number[0] = (char)('0' + v % 10);
			dmi_text_put(text, number, 1);
			break;
		}
		case 'g': {
			double v = va_arg(list, double);
			if (!seen++ && value)
				*value = v;
			dmi_text_put(text, number, dmi_number_print(v, number));
			break;
		}
		default:
			dmi_text_put(text, f, 1);
		}
	}
}

void dmi_text_format(struct dmi_text *text, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	dmi_text_format_list(text, format, list, NULL);
	va_end(list);
}
