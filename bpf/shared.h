/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Layouts that the BPF programs and the daemon share, written once for both worlds. */
#ifndef MARTLET_SHARED_H
#define MARTLET_SHARED_H

#endif
