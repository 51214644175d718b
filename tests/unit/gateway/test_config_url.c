/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a URL or address has one meaning or is refused.
 * Method: tables of what is accepted, with its parts, and of what is not.
 */
#include "gateway/config_url.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"

static void urls_come_apart(void **state)
{
    static const struct {
        const char *text, *scheme, *host, *path;
        uint16_t port;
        bool ipv6;
    } rows[] = {
        { "https://api.openai.com/v1", "https", "api.openai.com", "/v1", 0, 0 },
        { "https://api.openai.com/v1/", "https", "api.openai.com", "/v1", 0,
          0 },
        { "http://h", "http", "h", "", 0, 0 },
        { "http://h/", "http", "h", "", 0, 0 },
        { "http://under_score:8000/a/b", "http", "under_score", "/a/b", 8000,
          0 },
        { "http://127.0.0.1:65535", "http", "127.0.0.1", "", 65535, 0 },
        { "http://[::1]:1/x", "http", "::1", "/x", 1, 1 },
        { "http://[2001:db8::1]", "http", "2001:db8::1", "", 0, 1 },
        { "https://h/a%20b/~c;d=e", "https", "h", "/a%20b/~c;d=e", 0, 0 },
        { "https://1.example", "https", "1.example", "", 0, 0 },
        { "https://h/...", "https", "h", "/...", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        struct llmp_url url;

        print_message("# %s\n", rows[i].text);
        assert_null(llmp_url_parse(&url, llmp_str_of(rows[i].text), false));
        assert_true(llmp_str_eq(url.scheme, llmp_str_of(rows[i].scheme)));
        assert_true(llmp_str_eq(url.host, llmp_str_of(rows[i].host)));
        assert_true(llmp_str_eq(url.path, llmp_str_of(rows[i].path)));
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.ipv6, rows[i].ipv6);
    }
}

static void doubtful_urls_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "h",
        "//h",
        "://h",
        "https:h",
        "https:/h",
        "https://",
        "https:///v1",
        "https://:80",
        "https://h:",
        "https://h:0",
        "https://h:65536",
        "https://h:080",
        "https://h:8a",
        "https://h:-1",
        "https://h:80:90",
        "https://::1",
        "https://::1/v1",
        "https://[::1",
        "https://[::1]80",
        "https://[]",
        "https://[127.0.0.1]",
        "https://[fe80::1%eth0]",
        "https://u@h",
        "https://u:p@h",
        "https://h@evil",
        "https://h\\@evil",
        "https://h?x",
        "https://h/?x",
        "https://h#x",
        "https://h/#x",
        "https://h/a b",
        "https://h/a\\b",
        "https://h/a//b",
        "https://h//",
        "https://h/a/../b",
        "https://h/./b",
        "https://h/..",
        "https://h/%2",
        "https://h/%zz",
        "https://h/\x7f",
        "https://h/\xc3\xa9",
        "https://h\xc3\xa9",
        "https://h h",
        "https://.h",
        "https://h.",
        "https://h..h",
        "https://a,b",
        "https://1",
        "https://127.1",
        "https://2130706433",
        "https://0x7f.1",
        "https://0x7f000001",
        "https://1.2.3.4.5",
        "https://256.1.1.1",
        "https://01.1.1.1",
        "https://h.0x",
        "https://*",
        "https://h%00",
    };
    static const char with_nul[] = "https://h\0.example/v1";
    struct llmp_url url;

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        print_message("# %s\n", rows[i]);
        assert_non_null(llmp_url_parse(&url, llmp_str_of(rows[i]), false));
    }
    assert_non_null(llmp_url_parse(
        &url, (struct llmp_str){ with_nul, sizeof(with_nul) - 1 }, false));
    assert_non_null(
        llmp_url_parse(&url, (struct llmp_str){ "https://h/\0", 11 }, false));
}

static void a_proxy_may_have_a_user(void **state)
{
    struct llmp_url url;

    (void)state;
    assert_null(
        llmp_url_parse(&url, LLMP_STR("http://u:p%40@proxy:3128"), true));
    assert_true(llmp_str_eq(url.userinfo, LLMP_STR("u:p%40")));
    assert_true(llmp_str_eq(url.host, LLMP_STR("proxy")));
    assert_non_null(llmp_url_parse(&url, LLMP_STR("http://u@v@proxy"), true));
    assert_non_null(llmp_url_parse(&url, LLMP_STR("http://u:p@"), true));
}

static void loopback_is_this_machine_only(void **state)
{
    static const char *const yes[] = { "127.0.0.1", "127.9.9.9",
                                       "::1",       "::ffff:127.0.0.1",
                                       "localhost", "LocalHost" };
    static const char *const no[] = {
        "0.0.0.0",           "::",           "128.0.0.1", "127.0.0.1.example",
        "localhost.example", "my-localhost", "10.0.0.1",  "",
        "::ffff:10.0.0.1",   "::2"
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(yes); i++)
        assert_true(llmp_host_is_loopback(llmp_str_of(yes[i])));
    for (size_t i = 0; i < LLMP_COUNT(no); i++)
        assert_false(llmp_host_is_loopback(llmp_str_of(no[i])));
}

#define TEN "0123456789"

static void listen_addresses_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        enum llmp_listen_kind kind;
    } rows[] = {
        { "127.0.0.1:8080", LLMP_LISTEN_LOOPBACK },
        { "127.0.0.1:0", LLMP_LISTEN_LOOPBACK },
        { "[::1]:8080", LLMP_LISTEN_LOOPBACK },
        { "0.0.0.0:80", LLMP_LISTEN_OPEN },
        { "[::]:443", LLMP_LISTEN_OPEN },
        { "10.1.2.3:65535", LLMP_LISTEN_OPEN },
        { "unix:/run/llmgw.sock", LLMP_LISTEN_UNIX },
        { "unix:/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "123456",
          LLMP_LISTEN_UNIX },
    };
    static const char *const bad[] = {
        "",
        ":",
        ":80",
        "80",
        "*:80",
        "localhost:80",
        "127.0.0.1",
        "::1:80",
        "[::1]",
        "[127.0.0.1]:80",
        "127.0.0.1:65536",
        "127.0.0.1:",
        "[]:80",
        "127.0.0.1:080",
        "127.1:80",
        "unix:",
        "[::1%lo]:80",
        "unix:/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "1234567",
    };
    enum llmp_listen_kind kind;

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        print_message("# %s\n", rows[i].text);
        assert_null(llmp_listen_parse(&kind, llmp_str_of(rows[i].text)));
        assert_int_equal(kind, rows[i].kind);
    }
    for (size_t i = 0; i < LLMP_COUNT(bad); i++) {
        print_message("# %s\n", bad[i]);
        assert_non_null(llmp_listen_parse(&kind, llmp_str_of(bad[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_come_apart),
        cmocka_unit_test(doubtful_urls_are_refused),
        cmocka_unit_test(a_proxy_may_have_a_user),
        cmocka_unit_test(loopback_is_this_machine_only),
        cmocka_unit_test(listen_addresses_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
