/* Measured order of convergence. */
#ifndef CERTIFICATES_ORDER_H
#define CERTIFICATES_ORDER_H

#include "certificates/page.h"

/* The tables of settings that draw nothing, and of methods that choose their steps. */
void say_orders(struct page *page);
void say_adaptive_orders(struct page *page);

#endif
