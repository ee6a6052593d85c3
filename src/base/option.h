/* Specs: "name:option=value,option=value", read against a table of options. */
#ifndef DMI_OPTION_H
#define DMI_OPTION_H

#include "base/object.h"
#include "base/text.h"

enum { DMI_MAX_OPTION = 24 };

/* First member of every entry of a registry. */
struct dmi_method {
	dm_method info;
	const dm_option *option;
};

/* known_as: dm_method's; the others are known nowhere else. */
#define DMI_METHOD_KNOWN(name, help, source, options, known_as)                                                        \
	{                                                                                                                  \
		{sizeof(dm_method), name, help, source, (int32_t)(sizeof(options) / sizeof *(options)), known_as}, options     \
	}
#define DMI_METHOD(name, help, source, options) DMI_METHOD_KNOWN(name, help, source, options, NULL)
#define DMI_METHOD_PLAIN(name, help, source)                                                                           \
	{                                                                                                                  \
		{sizeof(dm_method), name, help, source, 0, NULL}, NULL                                                         \
	}
#define DMI_REAL(name, help, value, low, high)                                                                         \
	{                                                                                                                  \
		sizeof(dm_option), name, help, DM_OPTION_REAL, value, low, high, NULL                                          \
	}
#define DMI_INTEGER(name, help, value, low, high)                                                                      \
	{                                                                                                                  \
		sizeof(dm_option), name, help, DM_OPTION_INTEGER, value, low, high, NULL                                       \
	}
#define DMI_CHOICE(name, help, value, words)                                                                           \
	{                                                                                                                  \
		sizeof(dm_option), name, help, DM_OPTION_CHOICE, value, 0, sizeof(words) / sizeof *(words)-2, words            \
	}
#define DMI_LIST(name, help, low, high)                                                                                \
	{                                                                                                                  \
		sizeof(dm_option), name, help, DM_OPTION_LIST, 0, low, high, NULL                                              \
	}

/* The values of a method's options, in the order of its table. At most two of them are lists: list is the first of the
 * table, second the other. */
struct dmi_options {
	double value[DMI_MAX_OPTION];
	uint32_t given; /* bit k: option k was named */
	double *list, *second;
	size_t n_list, n_second;
};

/* Whether a name of the caller's can stand in a spec and in JSON: 1 to 63 characters, none of them a space or of
 * | : , ; = " \ */
int dmi_name_is_good(const char *name, size_t n);

/* Reads the options in text (what follows "name:"; NULL or "" for none). kind and method are for messages: `sampler
 * "ddim"`. */
dm_status dmi_options_parse(struct dmi_options *out, const char *kind, const char *method, const dm_option *table,
                            int32_t n, const char *text, const dm_allocator *allocator, dm_error *err);
void dmi_options_free(struct dmi_options *options, const dm_allocator *allocator);

/* Refuses option k where it was named although it does nothing without `what`, such as "zero_snr=floor". */
dm_status dmi_option_needs(const struct dmi_options *options, const char *kind, const char *method,
                           const dm_option *table, int32_t k, const char *what, dm_error *err);

/* An option has an effect only where another one has this value. */
struct dmi_need {
	int32_t option, other;
	double value;
};

/* Refuses an option that was given another value than its default without that effect. */
dm_status dmi_options_check_needs(const struct dmi_options *options, const char *kind, const char *method,
                                  const dm_option *table, const struct dmi_need *need, size_t n, dm_error *err);

/* Checks a caller's table: sizes, names, bounds, defaults inside them. */
dm_status dmi_options_check_table(const dm_option *table, int32_t n, dm_error *err);

/* The k-th row of a table whose rows may be of another version's size. */
const dm_option *dmi_option_row(const dm_option *table, int32_t k);

/* Appends "name" or "name:option=value,..." with the options that differ from their default. */
void dmi_options_print(struct dmi_text *text, const char *name, const dm_option *table, int32_t n,
                       const struct dmi_options *options);

/* Finds the method a spec asks for in a registry (n pointers to entries that begin with a struct dmi_method).
 * *options_text points behind the colon, or at the end. NULL and DM_ERR_NAME, with the nearest name, when there is
 * none. */
const struct dmi_method *dmi_method_find(const struct dmi_method *const *registry, int32_t n, const char *kind,
                                         const char *spec, const char **options_text, dm_error *err);

/* Whether two names are the same but for case, spaces, '_' and '-', with '+' for 'p': "DPM++ 2M" is "dpmpp_2m". */
int dmi_same_name(const char *a, size_t n, const char *b, size_t m);

/* Whether a word of length n is one of the names in known_as (dm_method's), exactly or (loosely) in that sense. `out` gets
 * the options that stand behind it, if any. */
int dmi_is_known_as(const char *known_as, const char *word, size_t n, int loosely, struct dmi_text *out);

/* The candidate nearest to a word (length n), for "did you mean"; candidates end with NULL; NULL if none is near. */
const char *dmi_nearest(const char *word, size_t n, const char *const *candidate, size_t n_candidate);

#endif
