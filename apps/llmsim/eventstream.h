/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's framing of events (application/vnd.amazon.eventstream): lengths, their
 * CRC-32, header fields, the payload, and the CRC-32 of everything before it.
 */
#ifndef LLMSIM_EVENTSTREAM_H
#define LLMSIM_EVENTSTREAM_H

#include "mem.h"

/* Begins a message of that type: `kind` "event" or "exception". What is added
 * to `out` until the end is its payload, JSON. Gives where it began. */
size_t sim_frame_begin(struct sim_buf *out, const char *kind, const char *type);
void sim_frame_end(struct sim_buf *out, size_t began);

uint32_t sim_crc32(struct llmp_str bytes);

#endif
