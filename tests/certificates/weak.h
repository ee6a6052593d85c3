/* Measured weak order, without sampling. */
#ifndef CERTIFICATES_WEAK_H
#define CERTIFICATES_WEAK_H

#include "certificates/page.h"

void say_weak_orders(struct page *page);

#endif
