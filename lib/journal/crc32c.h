/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as iSCSI and ext4 use it. */
#ifndef LLMP_JOURNAL_CRC32C_H
#define LLMP_JOURNAL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on with `crc` (0 at first) over `size` bytes. */
uint32_t llmp_crc32c(uint32_t crc, const void *bytes, size_t size);

/* The same without the processor's help; for tests. */
uint32_t llmp_crc32c_plain(uint32_t crc, const void *bytes, size_t size);

#endif
