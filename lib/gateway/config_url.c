/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider's key follows its URL, so nothing here is lenient: what two
 * programs could read in two ways is refused.
 */
#include "gateway/config_url.h"

#include <arpa/inet.h>

#include "base/internal.h"
#include "base/str.h"

#define HOST_LEN_MAX  253
#define UNIX_PATH_MAX 107

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static struct llmp_str skip(struct llmp_str text, size_t n)
{
    return (struct llmp_str){ text.ptr + n, text.len - n };
}

static size_t find_byte(struct llmp_str text, char c)
{
    const char *at = text.len ? memchr(text.ptr, c, text.len) : NULL;

    return at ? (size_t)(at - text.ptr) : SIZE_MAX;
}

/* inet_pton() wants a C string. */
static bool is_address(int family, struct llmp_str host,
                       unsigned char bytes[16])
{
    char text[INET6_ADDRSTRLEN];

    if (host.len == 0 || host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(family, text, bytes) == 1;
}

bool llmp_host_is_loopback(struct llmp_str host)
{
    static const unsigned char v6[16] = { [15] = 1 };
    static const unsigned char v4_in_v6[12] = { [10] = 0xff, [11] = 0xff };
    unsigned char bytes[16];

    if (is_address(AF_INET, host, bytes))
        return bytes[0] == 127;
    if (is_address(AF_INET6, host, bytes))
        return memcmp(bytes, v6, sizeof(v6)) == 0 ||
               (memcmp(bytes, v4_in_v6, sizeof(v4_in_v6)) == 0 &&
                bytes[12] == 127);
    return llmp_str_eq_nocase(host, LLMP_STR("localhost"));
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* "10", "0x1f": a name that ends so is taken for an address by resolvers. */
static bool is_numeric(struct llmp_str label)
{
    bool hex =
        label.len > 1 && label.ptr[0] == '0' && (label.ptr[1] | 32) == 'x';

    for (size_t i = hex ? 2 : 0; i < label.len; i++)
        if (hex ? !is_hex(label.ptr[i])
                : label.ptr[i] < '0' || label.ptr[i] > '9')
            return false;
    return true;
}

static bool is_host(struct llmp_str host)
{
    unsigned char bytes[16];
    struct llmp_str label = { host.ptr, 0 };

    if (host.len == 0 || host.len > HOST_LEN_MAX)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];

        if (c == '.' && label.len > 0) {
            label = (struct llmp_str){ host.ptr + i + 1, 0 };
            continue;
        }
        if (!is_alnum(c) && c != '-' && c != '_')
            return false;
        label.len++;
    }
    if (label.len == 0)
        return false;
    return !is_numeric(label) || is_address(AF_INET, host, bytes);
}

static bool read_port(struct llmp_str text, uint16_t *port, uint64_t min)
{
    uint64_t value;

    if (text.len > 5 || (text.len > 1 && text.ptr[0] == '0') ||
        !llmp_str_to_u64(text, &value) || value < min || value > UINT16_MAX)
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool is_path(struct llmp_str path)
{
    static const char marks[] = "/-._~%!$&'()*+,;=:@";

    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];

        if (c == '%' && (path.len - i < 3 || !is_hex(path.ptr[i + 1]) ||
                         !is_hex(path.ptr[i + 2])))
            return false;
        if (!is_alnum(c) && !memchr(marks, c, sizeof(marks) - 1))
            return false;
    }
    /* Empty and dot segments mean different things to different servers. */
    while (path.len) {
        size_t slash = find_byte(skip(path, 1), '/');
        size_t len = slash == SIZE_MAX ? path.len - 1 : slash;
        struct llmp_str segment = { path.ptr + 1, len };

        if (len == 0 || llmp_str_eq(segment, LLMP_STR(".")) ||
            llmp_str_eq(segment, LLMP_STR("..")))
            return false;
        path = skip(path, len + 1);
    }
    return true;
}

/* "host", "host:port", "[v6]", "[v6]:port". */
static const char *read_authority(struct llmp_url *url, struct llmp_str text)
{
    static const char bad_host[] = "has no valid host name or address";
    unsigned char bytes[16];
    struct llmp_str port;

    if (text.len && text.ptr[0] == '[') {
        size_t end = find_byte(text, ']');

        if (end == SIZE_MAX)
            return "has no ']' after its IPv6 address";
        url->host = (struct llmp_str){ text.ptr + 1, end - 1 };
        url->ipv6 = true;
        if (!is_address(AF_INET6, url->host, bytes))
            return "has no valid IPv6 address between [ and ]";
        port = skip(text, end + 1);
        if (port.len && port.ptr[0] != ':')
            return bad_host;
    } else {
        size_t colon = find_byte(text, ':');
        size_t len = colon == SIZE_MAX ? text.len : colon;

        url->host = (struct llmp_str){ text.ptr, len };
        port = skip(text, len);
        if (find_byte(port, ':') != SIZE_MAX &&
            find_byte(skip(port, 1), ':') != SIZE_MAX)
            return "has an IPv6 address without [ and ]";
        if (!is_host(url->host))
            return bad_host;
    }
    if (port.len && !read_port(skip(port, 1), &url->port, 1))
        return "has a port that is not from 1 to 65535";
    return NULL;
}

const char *llmp_url_parse(struct llmp_url *out, struct llmp_str text,
                           bool userinfo)
{
    struct llmp_url url = { 0 };
    size_t colon = llmp_str_find(text, LLMP_STR("://"));

    if (colon == SIZE_MAX || colon == 0)
        return "must be a URL with scheme, such as https://host/path";
    url.scheme = (struct llmp_str){ text.ptr, colon };
    text = skip(text, colon + 3);
    if (find_byte(text, '?') != SIZE_MAX || find_byte(text, '#') != SIZE_MAX)
        return "may have no query (?) and no fragment (#)";

    size_t slash = find_byte(text, '/');
    size_t len = slash == SIZE_MAX ? text.len : slash;
    struct llmp_str authority = { text.ptr, len };
    size_t at = find_byte(authority, '@');

    if (at != SIZE_MAX) {
        if (!userinfo)
            return "may have no user and password before '@'";
        url.userinfo = (struct llmp_str){ authority.ptr, at };
        authority = skip(authority, at + 1);
    }

    const char *problem = read_authority(&url, authority);

    if (problem)
        return problem;
    url.path = skip(text, len);
    if (url.path.len && url.path.ptr[url.path.len - 1] == '/')
        url.path.len--;
    if (!is_path(url.path))
        return "has a path with a character or segment that is not accepted";
    *out = url;
    return NULL;
}

const char *llmp_listen_parse(enum llmp_listen_kind *out, struct llmp_str text)
{
    unsigned char bytes[16];
    uint16_t port;

    if (llmp_str_starts(text, LLMP_STR("unix:"))) {
        if (text.len == 5 || text.len - 5 > UNIX_PATH_MAX)
            return "must name a path of 1 to 107 bytes after 'unix:'";
        *out = LLMP_LISTEN_UNIX;
        return NULL;
    }

    size_t colon = SIZE_MAX;

    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ':')
            colon = i;
    if (colon == SIZE_MAX)
        return "must be ADDRESS:PORT, [IPv6]:PORT or unix:PATH";
    if (!read_port(skip(text, colon + 1), &port, 0))
        return "has a port that is not from 0 to 65535";

    struct llmp_str host = { text.ptr, colon };
    bool brackets =
        host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';

    if (brackets)
        host = (struct llmp_str){ host.ptr + 1, host.len - 2 };
    if (!is_address(brackets ? AF_INET6 : AF_INET, host, bytes))
        return "must begin with an address, such as 127.0.0.1, 0.0.0.0, [::1] "
               "or [::]";
    *out =
        llmp_host_is_loopback(host) ? LLMP_LISTEN_LOOPBACK : LLMP_LISTEN_OPEN;
    return NULL;
}
