/* The tables of the translation. Adding a method is adding a row. */
#ifndef TRANSLATE_RULES_H
#define TRANSLATE_RULES_H

#include <stddef.h>

/* A setting of a method. value NULL: any; "if KEY=VALUE": any, in a case with that other setting. option: what is said
 * to the library; "" says nothing; one that ends in '=' takes the value. The first rule that fits counts; a setting
 * without one is not supported. */
struct rule {
	const char *key, *value, *option;
};

/* format: "NAME", or "NAME if KEY=VALUE" in a case with that setting; the first that fits counts. */
struct method {
	const char *format, *demist;
	const struct rule *rule;
};

/* All end with an empty row. The any_ rules are understood at every method of the kind. */
extern const struct method sampler_methods[], schedule_methods[], grid_methods[];
extern const struct rule any_sampler[], any_schedule[], any_grid[];

#endif
