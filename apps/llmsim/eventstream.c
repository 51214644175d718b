/* SPDX-License-Identifier: Apache-2.0 */
#include "eventstream.h"

#define PRELUDE_SIZE 12
#define STRING_VALUE 7 /* the type of a header's value */

/* Half a byte at a time: frames here are small. */
uint32_t sim_crc32(struct llmp_str bytes)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    uint32_t crc = 0xFFFFFFFF;

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void put_u32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (24 - 8 * i) & 0xFF);
}

static void add_header(struct sim_buf *out, const char *name, const char *value)
{
    char len = (char)strlen(name);
    size_t size = strlen(value);
    char type[3] = { STRING_VALUE, (char)(size >> 8), (char)size };

    sim_buf_add(out, (struct llmp_str){ &len, 1 });
    sim_buf_text(out, name);
    sim_buf_add(out, (struct llmp_str){ type, sizeof(type) });
    sim_buf_text(out, value);
}

size_t sim_frame_begin(struct sim_buf *out, const char *kind, const char *type)
{
    size_t began = out->len;
    char prelude[PRELUDE_SIZE] = { 0 };

    sim_buf_add(out, (struct llmp_str){ prelude, sizeof(prelude) });
    add_header(out,
               strcmp(kind, "event") == 0 ? ":event-type" : ":exception-type",
               type);
    add_header(out, ":content-type", "application/json");
    add_header(out, ":message-type", kind);
    /* Kept here until the end. */
    put_u32(out->ptr + began + 4, (uint32_t)(out->len - began - PRELUDE_SIZE));
    return began;
}

void sim_frame_end(struct sim_buf *out, size_t began)
{
    char crc[4];
    char *prelude = out->ptr + began;
    uint32_t size = (uint32_t)(out->len - began + sizeof(crc));

    put_u32(prelude, size);
    put_u32(prelude + 8, sim_crc32((struct llmp_str){ prelude, 8 }));
    put_u32(crc, sim_crc32((struct llmp_str){ prelude, size - sizeof(crc) }));
    sim_buf_add(out, (struct llmp_str){ crc, sizeof(crc) });
}
