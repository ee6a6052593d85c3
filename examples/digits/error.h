/* One line of text that says what went wrong: the functions that can fail fill it and return -1. */
#ifndef DIGITS_ERROR_H
#define DIGITS_ERROR_H

struct digits_error {
	char text[512];
};

#if defined(__GNUC__) || defined(__clang__)
#define DIGITS_PRINTF __attribute__((format(printf, 2, 3)))
#else
#define DIGITS_PRINTF
#endif

/* Formats the text; returns -1, so that a caller can end with `return digits_fail(...)`. */
int digits_fail(struct digits_error *error, const char *format, ...) DIGITS_PRINTF;

/* Puts the option that a text is about before it; returns -1. */
int digits_fail_at(struct digits_error *error, const char *option);

#endif
