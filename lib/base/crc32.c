/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32, eight bytes a step. The tables are linear: an entry is the sum of
 * those of its bits, so eight constants a table are enough to write it out.
 */
#include "base/crc32.h"

#include "base/times.h"

#define CRC_BIT(i, bit, value) (((i) >> (bit)) & 1 ? (value) : 0u)
#define CRC_0(i)                                               \
    (CRC_BIT(i, 0, 0x77073096u) ^ CRC_BIT(i, 1, 0xEE0E612Cu) ^ \
     CRC_BIT(i, 2, 0x076DC419u) ^ CRC_BIT(i, 3, 0x0EDB8832u) ^ \
     CRC_BIT(i, 4, 0x1DB71064u) ^ CRC_BIT(i, 5, 0x3B6E20C8u) ^ \
     CRC_BIT(i, 6, 0x76DC4190u) ^ CRC_BIT(i, 7, 0xEDB88320u))
#define CRC_1(i)                                               \
    (CRC_BIT(i, 0, 0x191B3141u) ^ CRC_BIT(i, 1, 0x32366282u) ^ \
     CRC_BIT(i, 2, 0x646CC504u) ^ CRC_BIT(i, 3, 0xC8D98A08u) ^ \
     CRC_BIT(i, 4, 0x4AC21251u) ^ CRC_BIT(i, 5, 0x958424A2u) ^ \
     CRC_BIT(i, 6, 0xF0794F05u) ^ CRC_BIT(i, 7, 0x3B83984Bu))
#define CRC_2(i)                                               \
    (CRC_BIT(i, 0, 0x01C26A37u) ^ CRC_BIT(i, 1, 0x0384D46Eu) ^ \
     CRC_BIT(i, 2, 0x0709A8DCu) ^ CRC_BIT(i, 3, 0x0E1351B8u) ^ \
     CRC_BIT(i, 4, 0x1C26A370u) ^ CRC_BIT(i, 5, 0x384D46E0u) ^ \
     CRC_BIT(i, 6, 0x709A8DC0u) ^ CRC_BIT(i, 7, 0xE1351B80u))
#define CRC_3(i)                                               \
    (CRC_BIT(i, 0, 0xB8BC6765u) ^ CRC_BIT(i, 1, 0xAA09C88Bu) ^ \
     CRC_BIT(i, 2, 0x8F629757u) ^ CRC_BIT(i, 3, 0xC5B428EFu) ^ \
     CRC_BIT(i, 4, 0x5019579Fu) ^ CRC_BIT(i, 5, 0xA032AF3Eu) ^ \
     CRC_BIT(i, 6, 0x9B14583Du) ^ CRC_BIT(i, 7, 0xED59B63Bu))
#define CRC_4(i)                                               \
    (CRC_BIT(i, 0, 0x3D6029B0u) ^ CRC_BIT(i, 1, 0x7AC05360u) ^ \
     CRC_BIT(i, 2, 0xF580A6C0u) ^ CRC_BIT(i, 3, 0x30704BC1u) ^ \
     CRC_BIT(i, 4, 0x60E09782u) ^ CRC_BIT(i, 5, 0xC1C12F04u) ^ \
     CRC_BIT(i, 6, 0x58F35849u) ^ CRC_BIT(i, 7, 0xB1E6B092u))
#define CRC_5(i)                                               \
    (CRC_BIT(i, 0, 0xCB5CD3A5u) ^ CRC_BIT(i, 1, 0x4DC8A10Bu) ^ \
     CRC_BIT(i, 2, 0x9B914216u) ^ CRC_BIT(i, 3, 0xEC53826Du) ^ \
     CRC_BIT(i, 4, 0x03D6029Bu) ^ CRC_BIT(i, 5, 0x07AC0536u) ^ \
     CRC_BIT(i, 6, 0x0F580A6Cu) ^ CRC_BIT(i, 7, 0x1EB014D8u))
#define CRC_6(i)                                               \
    (CRC_BIT(i, 0, 0xA6770BB4u) ^ CRC_BIT(i, 1, 0x979F1129u) ^ \
     CRC_BIT(i, 2, 0xF44F2413u) ^ CRC_BIT(i, 3, 0x33EF4E67u) ^ \
     CRC_BIT(i, 4, 0x67DE9CCEu) ^ CRC_BIT(i, 5, 0xCFBD399Cu) ^ \
     CRC_BIT(i, 6, 0x440B7579u) ^ CRC_BIT(i, 7, 0x8816EAF2u))
#define CRC_7(i)                                               \
    (CRC_BIT(i, 0, 0xCCAA009Eu) ^ CRC_BIT(i, 1, 0x4225077Du) ^ \
     CRC_BIT(i, 2, 0x844A0EFAu) ^ CRC_BIT(i, 3, 0xD3E51BB5u) ^ \
     CRC_BIT(i, 4, 0x7CBB312Bu) ^ CRC_BIT(i, 5, 0xF9766256u) ^ \
     CRC_BIT(i, 6, 0x299DC2EDu) ^ CRC_BIT(i, 7, 0x533B85DAu))

static const uint32_t tables[8][256] = {
    { LLMP_TIMES_256(CRC_0) }, { LLMP_TIMES_256(CRC_1) },
    { LLMP_TIMES_256(CRC_2) }, { LLMP_TIMES_256(CRC_3) },
    { LLMP_TIMES_256(CRC_4) }, { LLMP_TIMES_256(CRC_5) },
    { LLMP_TIMES_256(CRC_6) }, { LLMP_TIMES_256(CRC_7) },
};

static uint32_t le32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

uint32_t llmp_crc32(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    crc = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        uint32_t low = crc ^ le32(at), high = le32(at + 4);

        crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^
              tables[5][low >> 16 & 0xFF] ^ tables[4][low >> 24] ^
              tables[3][high & 0xFF] ^ tables[2][high >> 8 & 0xFF] ^
              tables[1][high >> 16 & 0xFF] ^ tables[0][high >> 24];
    }
    for (; size; at++, size--)
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xFF];
    return ~crc;
}
