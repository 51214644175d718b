/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's format (docs/internals/journal.md): heads of segments and of
 * records. Pure: looks at bytes, decides nothing.
 */
#ifndef LLMP_JOURNAL_FRAME_H
#define LLMP_JOURNAL_FRAME_H

#include <llmproxy/journal.h>

enum {
    LLMP_FRAME_VERSION = 1,
    LLMP_FRAME_SEGMENT_HEAD = 64,
    LLMP_FRAME_HEAD = 16,
    LLMP_FRAME_ALIGN = 16,
    /* Marks of a record. */
    LLMP_FRAME_SETTLED = 1,
    LLMP_FRAME_OWNED = 2,
};

#define LLMP_FRAME_NO_TICKET UINT32_MAX

struct llmp_segment_head {
    uint64_t sequence, wall_ns;
    uint32_t size, salt;
};

/* A record's head as it lies in memory. `len` is written last. */
struct llmp_frame {
    uint32_t len, crc;
    uint8_t type, marks, zero[2];
    uint32_t ticket;
    uint8_t payload[];
};

/* Little-endian on every machine. */
static inline uint32_t llmp_le32(uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap32(value);
#else
    return value;
#endif
}

static inline uint64_t llmp_le64(uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(value);
#else
    return value;
#endif
}

/* A record's bytes with a payload of `len`. */
static inline uint32_t llmp_frame_size(uint32_t len)
{
    return (LLMP_FRAME_HEAD + len + LLMP_FRAME_ALIGN - 1) &
           ~(uint32_t)(LLMP_FRAME_ALIGN - 1);
}

static inline struct llmp_frame *llmp_frame_at(uint8_t *segment,
                                               uint32_t offset)
{
    return (struct llmp_frame *)(void *)(segment + offset);
}

static inline uint32_t llmp_frame_len(const struct llmp_frame *frame)
{
    return llmp_le32(__atomic_load_n(&frame->len, __ATOMIC_ACQUIRE));
}

/* Writes a segment's head; its magic last. */
void llmp_segment_head_write(uint8_t *segment,
                             const struct llmp_segment_head *head);

/*
 * LLMP_OK; LLMP_MISS: nothing was ever written; LLMP_E_UNSUPPORTED: another
 * version or size; LLMP_E_CORRUPT.
 */
int llmp_segment_head_read(const uint8_t *segment, uint32_t size,
                           struct llmp_segment_head *head,
                           struct llmp_error *err);

/* Writes everything but publishes nothing. `marks` and `ticket` are not part
 * of what is summed. */
void llmp_frame_write(struct llmp_frame *frame,
                      const struct llmp_segment_head *head, uint32_t len,
                      enum llmp_journal_type type, uint8_t marks,
                      uint32_t ticket, const struct llmp_str *parts,
                      size_t part_count);

static inline void llmp_frame_publish(struct llmp_frame *frame, uint32_t len)
{
    __atomic_store_n(&frame->len, llmp_le32(len), __ATOMIC_RELEASE);
}

/* Whether a whole record of a known type is at `offset` of the segment. */
bool llmp_frame_is_valid(uint8_t *segment, const struct llmp_segment_head *head,
                         uint32_t offset);

/* The first valid record at `offset` or behind it, passing over what is
 * damaged; the segment's size when there is none. */
uint32_t llmp_frame_seek(uint8_t *segment, const struct llmp_segment_head *head,
                         uint32_t offset);

#endif
