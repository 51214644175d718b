/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C by the processor's instruction where it has one, else by a table of
 * 16 entries: the second is for rare machines, so it is small and not fast.
 */
#include "journal/crc32c.h"

#include <string.h>

#include "base/internal.h"

uint32_t llmp_crc32c_plain(uint32_t crc, const void *bytes, size_t size)
{
    /* What four bits more do to the remainder: the polynomial 0x82F63B78
     * (reflected) times each value of four bits. */
    static const uint32_t nibbles[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3,
        0x61C69362, 0x7198540D, 0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
        0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };
    const uint8_t *at = bytes;

    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
    uint32_t crc, const uint8_t *at, size_t size)
{
    uint64_t wide = ~crc;

    for (; size >= 8; size -= 8, at += 8) {
        uint64_t eight;

        memcpy(&eight, at, 8);
        wide = __builtin_ia32_crc32di(wide, eight);
    }
    crc = (uint32_t)wide;
    for (; size; size--, at++)
        crc = __builtin_ia32_crc32qi(crc, *at);
    return ~crc;
}

uint32_t llmp_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(crc, bytes, size);
    return llmp_crc32c_plain(crc, bytes, size);
}

#else

uint32_t llmp_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return llmp_crc32c_plain(crc, bytes, size);
}

#endif
