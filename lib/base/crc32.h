/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 (IEEE 802.3), as zlib, Ethernet and AWS's event stream use it. */
#ifndef LLMP_BASE_CRC32_H
#define LLMP_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Goes on with `crc` (0 at first) over `size` bytes. */
uint32_t llmp_crc32(uint32_t crc, const void *bytes, size_t size);

#endif
