/* The main job: from a plan to pictures. */
#ifndef DIGITS_DRAW_H
#define DIGITS_DRAW_H

#include "args.h"

/* What the program returns to its caller. */
enum { DIGITS_EXIT_OK = 0, DIGITS_EXIT_FAILURE = 1, DIGITS_EXIT_USAGE = 2, DIGITS_EXIT_INTERRUPTED = 130 };

/* Draws what the command line asks for, or prints its plan. program: argv[0]. An exit code, with a text unless it is
 * DIGITS_EXIT_OK. */
int digits_draw(const struct digits_args *args, const char *program, struct digits_error *error);
int digits_print_plan(const struct digits_args *args, struct digits_error *error);

#endif
