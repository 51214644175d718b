/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/frame.h"

#include <string.h>

#include "base/internal.h"
#include "journal/crc32c.h"

static const char magic[8] = { 'l', 'l', 'm', 'p', 'j', 'r', 'n', 'l' };

/* The first 40 bytes of a segment, as they lie in memory. */
struct raw_head {
    char magic[8];
    uint32_t version, size;
    uint64_t sequence, wall_ns;
    uint32_t salt, crc;
};

_Static_assert(sizeof(struct raw_head) == 40, "the format has no gaps");
_Static_assert(sizeof(struct llmp_frame) == LLMP_FRAME_HEAD,
               "the format has no gaps");

void llmp_segment_head_write(uint8_t *segment,
                             const struct llmp_segment_head *head)
{
    struct raw_head raw = {
        .version = llmp_le32(LLMP_FRAME_VERSION),
        .size = llmp_le32(head->size),
        .sequence = llmp_le64(head->sequence),
        .wall_ns = llmp_le64(head->wall_ns),
        .salt = llmp_le32(head->salt),
    };

    memcpy(raw.magic, magic, sizeof(magic));
    raw.crc = llmp_le32(llmp_crc32c(0, &raw, offsetof(struct raw_head, crc)));
    memset(segment, 0, LLMP_FRAME_SEGMENT_HEAD);
    memcpy(segment + 8, (const char *)&raw + 8, sizeof(raw) - 8);
    /* Killed before this, the segment has never been. (What a killed process
     * has stored is kept in its own order: only the compiler needs telling.) */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy(segment, magic, sizeof(magic));
}

static bool is_blank(const uint8_t *segment)
{
    for (size_t i = 0; i < sizeof(magic); i++)
        if (segment[i])
            return false;
    return true;
}

int llmp_segment_head_read(const uint8_t *segment, uint32_t size,
                           struct llmp_segment_head *head,
                           struct llmp_error *err)
{
    struct raw_head raw;

    if (is_blank(segment))
        return LLMP_MISS;
    memcpy(&raw, segment, sizeof(raw));
    LLMP_ENSURE(memcmp(raw.magic, magic, sizeof(magic)) == 0, err,
                LLMP_E_CORRUPT, "this is no journal");
    LLMP_ENSURE(llmp_le32(raw.version) == LLMP_FRAME_VERSION, err,
                LLMP_E_UNSUPPORTED, "a journal of version %u",
                (unsigned)llmp_le32(raw.version));
    LLMP_ENSURE(llmp_le32(raw.crc) ==
                    llmp_crc32c(0, &raw, offsetof(struct raw_head, crc)),
                err, LLMP_E_CORRUPT, "a journal's head is damaged");
    LLMP_ENSURE(llmp_le32(raw.size) == size, err, LLMP_E_UNSUPPORTED,
                "a journal with segments of %u bytes, not %u",
                (unsigned)llmp_le32(raw.size), (unsigned)size);
    *head = (struct llmp_segment_head){
        .sequence = llmp_le64(raw.sequence),
        .wall_ns = llmp_le64(raw.wall_ns),
        .size = size,
        .salt = llmp_le32(raw.salt),
    };
    return LLMP_OK;
}

/* What every record's sum begins with: which segment's life it belongs to. */
static uint32_t sum_start(const struct llmp_segment_head *head, uint32_t len,
                          uint8_t type)
{
    const uint32_t words[] = { llmp_le32(head->salt),
                               llmp_le32((uint32_t)head->sequence),
                               llmp_le32(len) };

    return llmp_crc32c(llmp_crc32c(0, words, sizeof(words)), &type, 1);
}

void llmp_frame_write(struct llmp_frame *frame,
                      const struct llmp_segment_head *head, uint32_t len,
                      enum llmp_journal_type type, uint8_t marks,
                      uint32_t ticket, const struct llmp_str *parts,
                      size_t part_count)
{
    uint32_t crc = sum_start(head, len, (uint8_t)type);
    uint8_t *to = frame->payload;

    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].len == 0)
            continue;
        memcpy(to, parts[i].ptr, parts[i].len);
        crc = llmp_crc32c(crc, to, parts[i].len);
        to += parts[i].len;
    }
    frame->crc = llmp_le32(crc);
    frame->type = (uint8_t)type;
    frame->marks = marks;
    frame->ticket = llmp_le32(ticket);
}

bool llmp_frame_is_valid(uint8_t *segment, const struct llmp_segment_head *head,
                         uint32_t offset)
{
    const struct llmp_frame *frame = llmp_frame_at(segment, offset);
    uint32_t len = llmp_frame_len(frame);

    if (len == 0 || len > LLMP_JOURNAL_PAYLOAD_MAX ||
        len > head->size - offset - LLMP_FRAME_HEAD)
        return false;
    /* Before the sum is made: most of what is no record is found here. */
    if (frame->zero[0] || frame->zero[1])
        return false;
    if (frame->type != LLMP_JOURNAL_INTENT &&
        frame->type != LLMP_JOURNAL_OUTCOME)
        return false;
    return llmp_crc32c(sum_start(head, len, frame->type), frame->payload,
                       len) == llmp_le32(frame->crc);
}

uint32_t llmp_frame_seek(uint8_t *segment, const struct llmp_segment_head *head,
                         uint32_t offset)
{
    while (offset + LLMP_FRAME_HEAD < head->size) {
        if (llmp_frame_is_valid(segment, head, offset))
            return offset;
        offset += LLMP_FRAME_ALIGN;
    }
    return head->size;
}
