/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are: an address that is accepted has a text that gives
 * the same address; a CIDR that is accepted contains the address it is written
 * with; and a forwarded client is the peer, or somebody that the field names.
 */
#include <stdlib.h>
#include <string.h>

#include <llmproxy/auth.h>

#include "fuzz.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

static void check_address(struct llmp_str text)
{
    struct llmp_address address, again;
    char out[LLMP_ADDRESS_TEXT_SIZE];
    size_t len;

    if (llmp_address_parse(&address, text, true) != LLMP_OK)
        return;
    len = llmp_address_text(out, &address);
    CHECK(len > 0 && len < sizeof(out) && out[len] == '\0');
    CHECK(llmp_address_parse(&again, (struct llmp_str){ out, len }, false) ==
          LLMP_OK);
    CHECK(memcmp(&address, &again, sizeof(address)) == 0);
}

static void check_cidr(struct llmp_str text)
{
    struct llmp_address_set *set = NULL;
    struct llmp_address address;
    struct llmp_str base = text;
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;

    if (llmp_address_set_new(&set, &text, 1, NULL) != LLMP_OK)
        return;
    if (slash)
        base.len = (size_t)(slash - text.ptr);
    CHECK(llmp_address_parse(&address, base, false) == LLMP_OK);
    CHECK(llmp_address_set_has(set, &address));
    llmp_address_set_unref(set);
}

static void check_forwarded(struct llmp_str text)
{
    static const struct llmp_str cidrs[] = { { "10.0.0.0/8", 10 },
                                             { "::/16", 5 } };
    static const uint8_t peer_bytes[4] = { 10, 0, 0, 1 };
    struct llmp_address_set *trusted = NULL;
    struct llmp_address peer, client;
    struct llmp_str lines[2] = { text, text };

    lines[0].len /= 2;
    lines[1].ptr += lines[0].len;
    lines[1].len -= lines[0].len;
    llmp_address_set_bytes(&peer, peer_bytes, 4);
    if (llmp_address_set_new(&trusted, cidrs, 2, NULL) != LLMP_OK)
        return;
    (void)!llmp_address_forwarded(&client, &peer, trusted, lines, 2);
    CHECK(llmp_address_forwarded(&client, &peer, NULL, lines, 2) == LLMP_OK);
    CHECK(memcmp(&client, &peer, sizeof(peer)) == 0);
    llmp_address_set_unref(trusted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_str text = { (const char *)data, size };

    if (size > 4096)
        return 0;
    check_address(text);
    check_cidr(text);
    check_forwarded(text);
    return 0;
}
