/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whatever a renderer would fetch or a reader could follow is an address,
 * and its host is the one that a browser would ask; where that is not certain
 * no list of hosts lets it pass.
 * Method: texts with addresses, plain and disguised; the WHATWG URL Standard's
 * ways to write the same host; a policy that allows some hosts.
 */
#include "policy_fixture.h"
#include "rules_probe.h"

#include "guard/rule.h"

static int open_probe(void **state)
{
    return probe_open(state, &llmp_rules_urls, 1);
}

static void test_pictures(void **state)
{
    struct probe *p = *state;

    probe_expect(p, "url.image", "See ![x](https://a.example/p?d=secret) now",
                 "https://a.example/p?d=secret");
    probe_expect(p, "url.image", "![](<https://a.example/p>)",
                 "https://a.example/p");
    probe_expect(p, "url.image", "![a](//a.example/x \"t\")", "//a.example/x");
    probe_expect(p, "url.image", "![a][1]\n\n[1]: https://a.example/x",
                 "https://a.example/x");
    probe_expect(p, "url.image", "<img width=1 src='http://a.example/x'>",
                 "http://a.example/x");
    probe_expect(p, "url.image", "<IMG SRC=https:a.example/x>",
                 "https:a.example/x");
    probe_expect(p, "url.image",
                 "<div style=\"background:url(https://a.example/x)\">",
                 "https://a.example/x)");
    probe_expect(p, "url.image", "<img src=\"https://good.example\n.evil/x\">",
                 "https://good.example\n.evil/x");
    probe_expect_nothing(p, "[no picture]: (x) and <div style='x'>");
    probe_settle(p, 0);
}

/* However long the text is that stands for it. */
static void test_a_picture_with_a_long_name(void **state)
{
    struct probe *p = *state;
    static char text[1024];
    int size = snprintf(text, sizeof(text), "![");

    memset(text + size, 'w', 600);
    (void)snprintf(text + size + 600, 100, "](https://a.example/x)");
    probe_expect(p, "url.image", text, "https://a.example/x");
    probe_settle(p, 0);
}

static void test_links(void **state)
{
    struct probe *p = *state;

    probe_expect(p, "url.link", "Go to https://a.example/x, then.",
                 "https://a.example/x,");
    probe_expect(p, "url.link", "[here](http:\\\\a.example/x)",
                 "http:\\\\a.example/x");
    probe_expect(p, "url.link", "wss://a.example", "wss://a.example");
    probe_expect(p, "url.script", "[x](javascript:fetch('//a'))",
                 "javascript:fetch(");
    probe_expect_nothing(p, "JavaScript: a language. http is a protocol: so.");
    probe_expect_nothing(p, "![alt](picture.png) and [x](page.html), 10 // 3");
    probe_settle(p, 0);
}

static void test_a_long_one_is_found_whole(void **state)
{
    struct probe *p = *state;
    static char text[8192], url[4096];
    int size = snprintf(url, sizeof(url), "https://a.example/?q=");

    memset(url + size, 'A', 3000);
    url[size + 3000] = '\0';
    (void)snprintf(text, sizeof(text), "![x](%s)", url);
    probe_expect(p, "url.image", text, url);
    probe_settle(p, 0);
}

static void check_host(const char *url, const char *host)
{
    struct llmp_str got = llmp_url_host(llmp_str_of(url));

    if (!llmp_str_eq(got, llmp_str_of(host)))
        fail_msg("%s: '%.*s', not '%s'", url, (int)got.len, got.ptr, host);
}

static void test_hosts(void **state)
{
    (void)state;
    check_host("https://a.example/x", "a.example");
    check_host("HTTPS://A.example:8443?x", "A.example");
    check_host("//a.example./x", "a.example");
    check_host("https:a.example#x", "a.example");
    check_host("https:/\\/a.example/x", "a.example");
    check_host("https://good.example@evil.example/", "evil.example");
    check_host("https://u:p@good.example/", "good.example");
    check_host("https://evil.example?@good.example", "evil.example");
    check_host("https://evil.example#@good.example", "evil.example");
    check_host("http://[::1]:80/", "[::1]");
    /* Read differently by whoever renders it: by no means certain. */
    check_host("https://good.example\\@evil.example/", "");
    check_host("https://evil.example&sol;.good.example/", "");
    check_host("https://evil.example%2f.good.example/", "");
    check_host("https://good.example\n.evil.example/", "");
    check_host("https://evil.example\xef\xbc\x8f.good.example/", "");
    check_host("javascript:alert(1)", "");
    check_host("https://", "");
    check_host("", "");
}

/* ---- a policy ------------------------------------------------------------ */

static void test_only_hosts_that_are_allowed(void **state)
{
    (void)state;
    static const struct llmp_str allow[] = { { "good.example", 12 },
                                             { "*.good.example", 14 } };
    struct llmp_guard_stage stage = stage_of("urls", LLMP_GUARD_BLOCK);
    struct policy_fixture f;
    static const char *const good[] = { "![x](https://good.example/p)",
                                        "See https://www.GOOD.example:443/?q=1",
                                        "No address at all." };
    static const char *const bad[] = {
        "![x](https://evil.example/p?good.example)",
        "![x](https://notgood.example/)",
        "![x](https://good.example.evil.example/)",
        "![x](https://good.example@evil.example/)",
        "![x](https://good.example\\@evil.example/)",
        "![x](https://evil.example&sol;.good.example/)",
        "<img src=\"https://good.example\n.evil.example/\">",
        "It is aHR0cHM6Ly9ldmlsLmV4YW1wbGUvP3E9c2VjcmV0IGRhdGE= there.",
    };

    stage.allow = (struct llmp_guard_list){ allow, 2 };
    policy_begin(&f, &stage, 1);
    for (size_t i = 0; i < LLMP_COUNT(good); i++)
        if (policy_scan(&f, LLMP_GUARD_OUTPUT, llmp_str_of(good[i])))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < LLMP_COUNT(bad); i++)
        if (policy_scan(&f, LLMP_GUARD_OUTPUT, llmp_str_of(bad[i])) !=
            LLMP_GUARD_BLOCK)
            fail_msg("%s", bad[i]);
    assert_int_equal(policy_scan(&f, LLMP_GUARD_USER, llmp_str_of(bad[0])),
                     LLMP_GUARD_ALLOW);
    policy_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_a_picture_with_a_long_name),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_a_long_one_is_found_whole),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_only_hosts_that_are_allowed),
    };

    return cmocka_run_group_tests(tests, open_probe, probe_close);
}
